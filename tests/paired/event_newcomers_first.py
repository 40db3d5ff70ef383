"""Those an event wakes run after who was ready already (EventTests.test_wait)."""

from paired import asyncio, log, run


async def waiter(event, name):
    if await event.wait():
        log(name)


async def main():
    event = asyncio.Event()
    a = asyncio.create_task(waiter(event, 1))
    b = asyncio.create_task(waiter(event, 2))
    await asyncio.sleep(0)
    c = asyncio.create_task(waiter(event, 3))
    event.set()
    await asyncio.wait([a, b, c])
    log("end")


run(main())
