"""An outer error cancels the inner group through its parent."""

from paired import asyncio, log, run


async def fail():
    await asyncio.sleep(1)
    raise ValueError("outer's child")


async def work():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        log("inner's child cancelled")
        raise


async def main():
    try:
        async with asyncio.TaskGroup() as outer:
            outer.create_task(fail())
            async with asyncio.TaskGroup() as inner:
                inner.create_task(work())
    except ExceptionGroup as group:
        log("group", *group.exceptions, asyncio.current_task().cancelling())


run(main())
