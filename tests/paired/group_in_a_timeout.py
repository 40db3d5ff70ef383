"""A timeout around a group cancels it as a whole."""

from paired import asyncio, log, run


async def work():
    try:
        await asyncio.sleep(10)
    finally:
        log("clean")
        await asyncio.sleep(1)


async def main():
    log("start")
    try:
        async with asyncio.timeout(2):
            async with asyncio.TaskGroup() as tg:
                tg.create_task(work())
                tg.create_task(work())
    except TimeoutError:
        log("timed out", asyncio.current_task().cancelling())


run(main())
