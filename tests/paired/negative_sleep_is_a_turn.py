"""sleep of no time or less is a bare yield."""

from paired import asyncio, log, run


async def main():
    log("start")
    await asyncio.sleep(-1)
    log("after -1")
    await asyncio.sleep(0)
    log("after 0")
    await asyncio.sleep(0.5)
    log("after 0.5")


run(main())
