"""A free lock, a set event and a queue that has what is asked do not yield."""

from paired import asyncio, log, run


async def main():
    lock, event, queue = asyncio.Lock(), asyncio.Event(), asyncio.Queue()
    event.set()
    asyncio.create_task(other())
    log("start")
    async with lock:
        log("locked")
    await event.wait()
    log("event")
    await queue.put(1)
    log("put")
    log("got", await queue.get())
    log("end")


async def other():
    log("other runs only now")


run(main())
