"""A timeout inside a task that is being cancelled already works all the same."""

from paired import asyncio, log, run


async def child():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(10)
        except TimeoutError:
            log("timed out", asyncio.current_task().cancelling())
        raise


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
