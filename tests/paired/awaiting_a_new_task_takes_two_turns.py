"""One turn for the task's step, one to wake who awaits it."""

from paired import asyncio, log, run


async def child():
    log("child")
    return 7


async def main():
    log("start")
    log("got", await asyncio.create_task(child()))


run(main())
