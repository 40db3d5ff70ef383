"""A cancelled gather raises, even if it returns exceptions; it does so once all children are done."""

from paired import asyncio, log, run


async def work(name, delay):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        log(name, "cancelled")
        await asyncio.sleep(delay)
        log(name, "swallowed it")
    return name


async def both():
    try:
        log("got", *await asyncio.gather(work("a", 1), work("b", 2), return_exceptions=True))
    except asyncio.CancelledError:
        log("raised all the same")
        raise


async def main():
    task = asyncio.create_task(both())
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    try:
        await task
    except asyncio.CancelledError:
        log("cancelled", task.cancelled())


run(main())
