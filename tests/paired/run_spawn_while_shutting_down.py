"""Cleanup at shutdown may spawn and await."""

from paired import asyncio, log, run


async def helper(name):
    log(name, "helps")
    await asyncio.sleep(1)
    log(name, "helped")


async def left(name):
    try:
        await asyncio.sleep(10)
    finally:
        await asyncio.create_task(helper(name))
        log(name, "clean")


async def main():
    keep = [asyncio.create_task(left(name)) for name in "ab"]
    await asyncio.sleep(1)
    log("main ends", len(keep))


run(main())
