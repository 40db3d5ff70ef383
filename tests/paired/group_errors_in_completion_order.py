"""Errors are listed as they happened, those of the cleanup too."""

from paired import asyncio, log, run


async def fail(delay, what):
    await asyncio.sleep(delay)
    raise ValueError(what)


async def fail_late(delay, what):
    try:
        await asyncio.sleep(10)
    finally:
        await asyncio.sleep(delay)
        raise ValueError(what)


async def main():
    log("start")
    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(fail_late(2, "slow"))
            tg.create_task(fail_late(1, "quick"))
            tg.create_task(fail(1, "first"))
            tg.create_task(fail(1, "together"))
    except ExceptionGroup as group:
        log("group", *group.exceptions)


run(main())
