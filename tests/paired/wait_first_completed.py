"""FIRST_COMPLETED is over with the first, and reports all that are done by then."""

from paired import asyncio, log, run


async def work(name, delay):
    await asyncio.sleep(delay)
    return name


async def main():
    tasks = [asyncio.create_task(work(name, delay)) for name, delay in (("a", 2), ("b", 1), ("c", 1))]
    log("start")
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    log("done", *[task.result() for task in done], "pending", len(pending))
    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    log("done", *[task.result() for task in done], "pending", len(pending))


run(main())
