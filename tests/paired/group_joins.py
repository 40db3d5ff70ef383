"""A group is over when all its children are."""

from paired import asyncio, log, run


async def work(name, delay):
    await asyncio.sleep(delay)
    log(name, "done")
    return name


async def main():
    async with asyncio.TaskGroup() as tg:
        a = tg.create_task(work("a", 2))
        b = tg.create_task(work("b", 1))
        log("body ends")
    log("end", a.result(), b.result())


run(main())
