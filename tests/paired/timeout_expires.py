"""A timeout cancels the body and turns that cancellation into a TimeoutError."""

from paired import asyncio, log, run


async def main():
    log("start")
    try:
        async with asyncio.timeout(2) as cm:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                log("body cancelled", asyncio.current_task().cancelling())
                raise
    except TimeoutError:
        log("timed out", cm.expired(), asyncio.current_task().cancelling())


run(main())
