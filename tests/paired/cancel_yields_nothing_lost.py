"""A sleep(0) that is cancelled raises at its wake-up."""

from paired import asyncio, log, run


async def child():
    try:
        await asyncio.sleep(0)
        log("never")
    except asyncio.CancelledError:
        log("cancelled in sleep(0)")
        raise


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(0)
    log("cancel", task.cancel())
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
