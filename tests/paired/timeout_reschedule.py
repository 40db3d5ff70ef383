"""A deadline may be moved, nearer, further or away."""

from paired import asyncio, log, run


async def main():
    loop = asyncio.get_running_loop()
    log("start")
    try:
        async with asyncio.timeout(1) as cm:
            cm.reschedule(loop.time() + 3)
            await asyncio.sleep(2)
            log("further")
            cm.reschedule(None)
            await asyncio.sleep(5)
            log("none")
            cm.reschedule(loop.time() - 1)
            log("past")
            await asyncio.sleep(1)
            log("never")
    except TimeoutError:
        log("timed out")


run(main())
