"""Waiters are woken though the event is cleared again before they run."""

from paired import asyncio, log, run


async def waiter(event, name):
    await event.wait()
    log(name, "woken, set", event.is_set())


async def main():
    event = asyncio.Event()
    tasks = [asyncio.create_task(waiter(event, name)) for name in "ab"]
    await asyncio.sleep(0)
    event.set()
    event.clear()
    log("set and cleared")
    await asyncio.wait(tasks)


run(main())
