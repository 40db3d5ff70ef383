"""What is done is given even with no time."""

from paired import asyncio, log, run


async def child():
    return 1


async def main():
    task = asyncio.create_task(child())
    await task
    log("start")
    log("got", await asyncio.wait_for(task, 0))


run(main())
