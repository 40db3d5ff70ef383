"""wait gives done and pending tasks in the order they were given."""

from paired import asyncio, log, run


async def work(name, delay):
    await asyncio.sleep(delay)
    return name


async def main():
    tasks = [asyncio.create_task(work(name, delay)) for name, delay in (("a", 2), ("b", 1))]
    log("start")
    done, pending = await asyncio.wait(tasks)
    log("done", *[task.result() for task in done], "pending", len(pending))


run(main())
