"""Cancelled between the future's result and the wake-up: cancellation wins, the result is lost."""

from paired import asyncio, log, run


async def child(future):
    try:
        log("never", await future)
    except asyncio.CancelledError:
        log("cancelled, future has", future.result())
        raise


async def main():
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(child(future))
    await asyncio.sleep(1)
    future.set_result("a result")
    log("cancel", task.cancel())
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
