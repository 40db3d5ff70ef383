"""Cleanup awaits while the cancellation is on its way."""

from paired import asyncio, log, run


async def child():
    try:
        await asyncio.sleep(10)
    finally:
        log("cleanup")
        await asyncio.sleep(1)
        await asyncio.sleep(0)
        log("clean")


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    await asyncio.sleep(0)
    log("a turn later, done", task.done())
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
