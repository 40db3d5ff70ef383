"""FIRST_EXCEPTION is over with the first failure."""

from paired import asyncio, log, run


async def work(delay):
    await asyncio.sleep(delay)


async def fail(delay):
    await asyncio.sleep(delay)
    raise ValueError("boom")


async def main():
    tasks = [asyncio.create_task(coro) for coro in (work(3), work(1), fail(2))]
    log("start")
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    log("done", *[task in done for task in tasks], "pending", len(pending))
    log("error", tasks[2].exception())
    await tasks[0]
    log("end")


run(main())
