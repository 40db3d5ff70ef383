"""wait_for of a coroutine runs it in place: no task, no turn."""

from paired import asyncio, log, run


async def child():
    log("child in the same turn")
    return 1


async def slow():
    await asyncio.sleep(1)
    return 2


async def main():
    log("start")
    log("got", await asyncio.wait_for(child(), 1))
    log("got", await asyncio.wait_for(slow(), 2))
    log("got", await asyncio.wait_for(slow(), None))


run(main())
