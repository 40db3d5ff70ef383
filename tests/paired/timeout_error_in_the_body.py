"""An error in the body while the timeout expires comes through."""

from paired import asyncio, log, run


async def main():
    log("start")
    try:
        async with asyncio.timeout(1):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                raise ValueError("instead") from None
    except ValueError as exc:
        log("error", exc, asyncio.current_task().cancelling())


run(main())
