"""A task that swallows the cancellation at shutdown is awaited to its end."""

from paired import asyncio, log, run


async def left():
    for _ in range(2):
        try:
            await asyncio.sleep(3)
            log("slept")
        except asyncio.CancelledError:
            log("swallowed")


async def main():
    keep = asyncio.create_task(left())
    await asyncio.sleep(1)
    log("main ends", keep.done())


run(main())
