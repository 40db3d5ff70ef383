"""Both expire in one turn: the inner error is raised, then the outer's."""

from paired import asyncio, log, run


async def main():
    try:
        async with asyncio.timeout(1):
            try:
                async with asyncio.timeout(1):
                    await asyncio.sleep(10)
            except TimeoutError:
                log("inner timed out")
                raise
    except TimeoutError:
        log("outer timed out")
    log("end", asyncio.current_task().cancelling())


run(main())
