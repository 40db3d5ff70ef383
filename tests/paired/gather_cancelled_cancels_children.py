"""Cancelling who gathers cancels all children, and waits for their cleanup."""

from paired import asyncio, log, run


async def work(name, delay):
    try:
        await asyncio.sleep(10)
    finally:
        log(name, "cleans up")
        await asyncio.sleep(delay)
        log(name, "clean")


async def both():
    await asyncio.gather(work("a", 1), work("b", 2))


async def main():
    task = asyncio.create_task(both())
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    try:
        await task
    except asyncio.CancelledError:
        log("raised, cancelled", task.cancelled())


run(main())
