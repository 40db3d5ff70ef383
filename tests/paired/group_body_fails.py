"""An error of the body cancels the children and is in the group."""

from paired import asyncio, log, run


async def work():
    try:
        await asyncio.sleep(10)
    finally:
        log("child cancelled")


async def main():
    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(work())
            await asyncio.sleep(1)
            raise ValueError("body")
    except ExceptionGroup as group:
        log("group", *group.exceptions)


run(main())
