"""A cancel during cleanup interrupts the cleanup."""

from paired import asyncio, log, run


async def child():
    try:
        await asyncio.sleep(10)
    finally:
        try:
            log("cleanup")
            await asyncio.sleep(5)
            log("never")
        finally:
            log("cleanup of the cleanup")
            await asyncio.sleep(1)
            log("over")


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    await asyncio.wait([task])
    log("end", task.cancelled(), task.cancelling())


run(main())
