"""An outer timeout passes through the inner one."""

from paired import asyncio, log, run


async def main():
    try:
        async with asyncio.timeout(1):
            try:
                async with asyncio.timeout(5):
                    await asyncio.sleep(10)
            except TimeoutError:
                log("never")
            finally:
                log("through the inner")
    except TimeoutError:
        log("outer timed out")
    log("end", asyncio.current_task().cancelling())


run(main())
