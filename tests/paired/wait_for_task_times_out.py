"""A task given to wait_for is cancelled by it, too."""

from paired import asyncio, log, run


async def slow():
    try:
        await asyncio.sleep(10)
    finally:
        log("cleans up")
        await asyncio.sleep(1)


async def main():
    task = asyncio.create_task(slow())
    log("start")
    try:
        await asyncio.wait_for(task, 2)
    except TimeoutError:
        log("timed out, cancelled", task.cancelled())


run(main())
