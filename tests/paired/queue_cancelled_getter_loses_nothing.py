"""A getter cancelled after it was woken passes the wake-up on."""

from paired import asyncio, log, run


async def getter(queue, name):
    try:
        log(name, "got", await queue.get())
    except asyncio.CancelledError:
        log(name, "cancelled")
        raise


async def main():
    queue = asyncio.Queue()
    a = asyncio.create_task(getter(queue, "a"))
    b = asyncio.create_task(getter(queue, "b"))
    await asyncio.sleep(1)
    queue.put_nowait("item")
    log("cancel", a.cancel())
    await asyncio.wait([a, b])
    log("end", a.cancelled(), b.cancelled())


run(main())
