"""Children may spawn into their group while it waits."""

from paired import asyncio, log, run


async def child(tg, depth):
    log("child", depth)
    if depth:
        tg.create_task(child(tg, depth - 1))
        tg.create_task(child(tg, depth - 1))


async def main():
    async with asyncio.TaskGroup() as tg:
        tg.create_task(child(tg, 2))
    log("end")


run(main())
