"""With no time at all the coroutine is not even started."""

from paired import asyncio, log, run


async def child():
    log("never")


async def main():
    log("start")
    try:
        await asyncio.wait_for(child(), 0)
    except TimeoutError:
        log("timed out")
    try:
        await asyncio.wait_for(child(), -1)
    except TimeoutError:
        log("timed out")


run(main())
