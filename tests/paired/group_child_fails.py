"""The first error cancels the siblings and the body; it is grouped."""

from paired import asyncio, log, run


async def work(name):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        log(name, "cancelled")
        raise


async def fail():
    await asyncio.sleep(1)
    raise ValueError("boom")


async def main():
    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(work("a"))
            tg.create_task(fail())
            tg.create_task(work("b"))
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                log("body cancelled")
                raise
    except ExceptionGroup as group:
        log("group", *group.exceptions, asyncio.current_task().cancelling())


run(main())
