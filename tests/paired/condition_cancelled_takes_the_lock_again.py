"""A cancelled waiter has the lock again before it raises."""

from paired import asyncio, log, run


async def waiter(condition):
    async with condition:
        try:
            await condition.wait()
        except asyncio.CancelledError:
            log("cancelled, locked", condition.locked())
            raise


async def main():
    condition = asyncio.Condition()
    task = asyncio.create_task(waiter(condition))
    await asyncio.sleep(1)
    async with condition:
        log("cancel", task.cancel())
        await asyncio.sleep(1)
        log("still held")
    await asyncio.wait([task])
    log("end", task.cancelled(), condition.locked())


run(main())
