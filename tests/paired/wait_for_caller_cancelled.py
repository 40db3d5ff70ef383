"""Cancelling who calls wait_for cancels the inner and raises, no timeout."""

from paired import asyncio, log, run


async def slow():
    try:
        await asyncio.sleep(10)
    finally:
        log("cleans up")
        await asyncio.sleep(1)


async def caller():
    try:
        await asyncio.wait_for(slow(), 5)
    except TimeoutError:
        log("never")
    except asyncio.CancelledError:
        log("cancelled")
        raise


async def main():
    task = asyncio.create_task(caller())
    await asyncio.sleep(2)
    log("cancel", task.cancel())
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
