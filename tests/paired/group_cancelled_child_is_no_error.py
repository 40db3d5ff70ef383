"""A child that is cancelled alone does not fail the group."""

from paired import asyncio, log, run


async def work(name, delay):
    await asyncio.sleep(delay)
    log(name, "done")


async def main():
    async with asyncio.TaskGroup() as tg:
        a = tg.create_task(work("a", 10))
        tg.create_task(work("b", 2))
        await asyncio.sleep(1)
        log("cancel", a.cancel())
    log("end", a.cancelled())


run(main())
