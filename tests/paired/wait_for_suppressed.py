"""If the inner swallows the cancellation and returns, its value is what wait_for gives."""

from paired import asyncio, log, run


async def stubborn():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        log("swallowed")
        await asyncio.sleep(1)
    return "value"


async def main():
    log("start")
    log("got", await asyncio.wait_for(stubborn(), 2))
    log("cancelling", asyncio.current_task().cancelling())


run(main())
