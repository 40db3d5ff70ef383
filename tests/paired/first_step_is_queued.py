"""create_task runs nothing at once: the new task's first step waits its turn."""

from paired import asyncio, log, run


async def child():
    log("child runs")


async def main():
    log("before")
    task = asyncio.create_task(child())
    log("after, done", task.done())
    await task
    log("joined")


run(main())
