"""At the end of run what is left is cancelled, in the order it was made, and awaited."""

from paired import asyncio, log, run


async def left(name, delay):
    try:
        await asyncio.sleep(10)
    finally:
        log(name, "cleans up")
        await asyncio.sleep(delay)
        log(name, "clean")


async def main():
    keep = [asyncio.create_task(left(name, delay)) for name, delay in (("a", 2), ("b", 1))]
    await asyncio.sleep(1)
    log("main ends", len(keep))


run(main())
