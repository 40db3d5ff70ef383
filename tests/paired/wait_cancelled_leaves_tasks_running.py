"""Cancelling who waits does not cancel what is waited for."""

from paired import asyncio, log, run


async def work():
    await asyncio.sleep(3)
    log("worker done")


async def waiter(task):
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        log("waiter cancelled")
        raise


async def main():
    task = asyncio.create_task(work())
    waiting = asyncio.create_task(waiter(task))
    await asyncio.sleep(1)
    log("cancel", waiting.cancel())
    await task
    log("end", waiting.cancelled(), task.cancelled())


run(main())
