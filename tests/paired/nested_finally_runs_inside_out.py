"""Cleanups run from the inside out, each awaited before the next."""

from paired import asyncio, log, run


async def child():
    try:
        try:
            try:
                await asyncio.sleep(10)
            finally:
                log("inner")
                await asyncio.sleep(1)
        finally:
            log("middle")
            await asyncio.sleep(1)
    finally:
        log("outer")


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
