"""What is done already gives its result at once."""

from paired import asyncio, log, run


async def child():
    return 7


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(1)
    log("awaiting, done", task.done())
    log("got", await task)


run(main())
