"""wait_for is over only when what it cancelled has cleaned up."""

from paired import asyncio, log, run


async def slow():
    try:
        await asyncio.sleep(10)
    finally:
        log("cleans up")
        await asyncio.sleep(3)
        log("clean")


async def main():
    log("start")
    try:
        await asyncio.wait_for(slow(), 2)
    except TimeoutError:
        log("timed out")


run(main())
