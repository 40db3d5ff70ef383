"""A callback that cancels a task that is ready to run already."""

from paired import asyncio, log, run


async def child():
    try:
        for step in range(5):
            log("step", step)
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        log("cancelled")
        raise


async def main():
    task = asyncio.create_task(child())
    asyncio.get_running_loop().call_soon(task.cancel)
    log("start")
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
