"""Awaiting a task that was cancelled raises in the awaiter, who was not."""

from paired import asyncio, log, run


async def child():
    await asyncio.sleep(10)


async def awaiter(task):
    try:
        await task
    except asyncio.CancelledError:
        log("raised, cancelling", asyncio.current_task().cancelling())
    return "went on"


async def main():
    task = asyncio.create_task(child())
    other = asyncio.create_task(awaiter(task))
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    log(await other)


run(main())
