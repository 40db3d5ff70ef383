"""Done-callbacks go through the ready queue in the order they were added, also those added too late."""

from paired import asyncio, log, run


async def child():
    await asyncio.sleep(1)
    return "result"


async def main():
    task = asyncio.create_task(child())
    task.add_done_callback(lambda t: log("first", t.result()))
    task.add_done_callback(lambda t: log("second", t.result()))
    log("got", await task)
    task.add_done_callback(lambda t: log("late", t.result()))
    log("added")
    await asyncio.sleep(0)
    log("turn")


run(main())
