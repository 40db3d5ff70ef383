"""A body in time is left alone, and its deadline forgotten."""

from paired import asyncio, log, run


async def main():
    async with asyncio.timeout(2) as cm:
        await asyncio.sleep(1)
        log("body")
    log("in time", cm.expired())
    await asyncio.sleep(5)
    log("end")


run(main())
