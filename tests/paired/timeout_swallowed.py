"""A body that swallows the timeout's cancellation is in time after all."""

from paired import asyncio, log, run


async def main():
    log("start")
    async with asyncio.timeout(1) as cm:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            log("swallowed")
        await asyncio.sleep(1)
    log("end", cm.expired(), asyncio.current_task().cancelling())


run(main())
