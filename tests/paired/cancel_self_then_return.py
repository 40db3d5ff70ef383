"""A task that cancels itself and returns without awaiting is cancelled, not done."""

from paired import asyncio, log, run


async def child():
    log("cancel self", asyncio.current_task().cancel())
    return "lost"


async def main():
    task = asyncio.create_task(child())
    await asyncio.wait([task])
    log("cancelled", task.cancelled())


run(main())
