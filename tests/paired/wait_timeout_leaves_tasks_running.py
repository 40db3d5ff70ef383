"""A timeout of wait raises nothing and cancels nothing."""

from paired import asyncio, log, run


async def work(delay):
    await asyncio.sleep(delay)
    log("worker done", delay)
    return delay


async def main():
    tasks = [asyncio.create_task(work(delay)) for delay in (1, 3)]
    log("start")
    done, pending = await asyncio.wait(tasks, timeout=2)
    log("done", len(done), "pending", len(pending))
    log("late", await tasks[1])


run(main())
