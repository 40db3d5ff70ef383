"""A putter cancelled after it was woken passes the place on."""

from paired import asyncio, log, run


async def putter(queue, name):
    try:
        await queue.put(name)
        log(name, "put")
    except asyncio.CancelledError:
        log(name, "cancelled")
        raise


async def main():
    queue = asyncio.Queue(1)
    queue.put_nowait("first")
    a = asyncio.create_task(putter(queue, "a"))
    b = asyncio.create_task(putter(queue, "b"))
    await asyncio.sleep(1)
    log("got", queue.get_nowait())
    log("cancel", a.cancel())
    await asyncio.wait([a, b])
    log("left", queue.get_nowait())


run(main())
