"""The inner's timer and the deadline fall together: the one set first runs first."""

from paired import asyncio, log, run


async def main():
    log("start")
    try:
        log("got", await asyncio.wait_for(asyncio.sleep(2, "value"), 2))
    except TimeoutError:
        log("timed out")
    try:
        task = asyncio.create_task(asyncio.sleep(2, "value"))
        await asyncio.sleep(0)
        log("got", await asyncio.wait_for(task, 2))
    except TimeoutError:
        log("timed out")


run(main())
