"""On timeout the inner is cancelled, and who waits gets a TimeoutError."""

from paired import asyncio, log, run


async def slow():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        log("slow is cancelled")
        raise


async def main():
    log("start")
    try:
        await asyncio.wait_for(slow(), 2)
    except TimeoutError:
        log("timed out, cancelling", asyncio.current_task().cancelling())


run(main())
