"""wait on tasks that are done still takes its turns."""

from paired import asyncio, log, run


async def child():
    return 1


async def main():
    task = asyncio.create_task(child())
    await task
    log("start", task.done())
    done, pending = await asyncio.wait([task])
    log("done", len(done), "pending", len(pending))


run(main())
