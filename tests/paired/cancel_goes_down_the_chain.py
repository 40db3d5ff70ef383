"""Cancelling a task cancels what it waits on, down to the deepest future, at once."""

from paired import asyncio, log, run


async def leaf(future):
    try:
        await future
    except asyncio.CancelledError:
        log("leaf")
        raise


async def middle(task):
    try:
        await task
    except asyncio.CancelledError:
        log("middle")
        raise


async def main():
    future = asyncio.get_running_loop().create_future()
    low = asyncio.create_task(leaf(future))
    mid = asyncio.create_task(middle(low))
    top = asyncio.create_task(middle(mid))
    await asyncio.sleep(1)
    log("cancel", top.cancel(), "future cancelled", future.cancelled())
    log("cancelling", low.cancelling(), mid.cancelling(), top.cancelling())
    await asyncio.wait([top])
    log("end", low.cancelled(), mid.cancelled(), top.cancelled())


run(main())
