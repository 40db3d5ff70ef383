"""A cancelled parent cancels the children, waits for them, and is cancelled."""

from paired import asyncio, log, run


async def work(name, delay):
    try:
        await asyncio.sleep(10)
    finally:
        await asyncio.sleep(delay)
        log(name, "clean")


async def parent():
    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(work("a", 2))
            tg.create_task(work("b", 1))
    except asyncio.CancelledError:
        log("parent", asyncio.current_task().cancelling())
        raise


async def main():
    task = asyncio.create_task(parent())
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
