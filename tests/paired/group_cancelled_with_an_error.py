"""If a child fails while the parent is cancelled, the error has priority; the count stays."""

from paired import asyncio, log, run


async def fail():
    try:
        await asyncio.sleep(10)
    finally:
        raise ValueError("in cleanup")


async def parent():
    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(fail())
    except ExceptionGroup as group:
        log("group", *group.exceptions, asyncio.current_task().cancelling())


async def main():
    task = asyncio.create_task(parent())
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
