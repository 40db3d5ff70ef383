"""A cancel that is not the timeout's own passes through as what it is."""

from paired import asyncio, log, run


async def child():
    try:
        async with asyncio.timeout(5):
            await asyncio.sleep(10)
    except TimeoutError:
        log("never")
    except asyncio.CancelledError:
        log("cancelled", asyncio.current_task().cancelling())
        raise


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
