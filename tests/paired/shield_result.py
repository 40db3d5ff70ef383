"""A shield takes three turns, and none for what is done."""

from paired import asyncio, log, run


async def inner():
    return 1


async def main():
    log("start")
    log("got", await asyncio.shield(inner()))
    task = asyncio.create_task(inner())
    await task
    log("done")
    log("got", await asyncio.shield(task))


run(main())
