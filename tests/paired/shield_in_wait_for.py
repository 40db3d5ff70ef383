"""A shield saves a task from wait_for's timeout."""

from paired import asyncio, log, run


async def inner():
    await asyncio.sleep(3)
    return "late"


async def main():
    task = asyncio.create_task(inner())
    log("start")
    try:
        await asyncio.wait_for(asyncio.shield(task), 1)
    except TimeoutError:
        log("timed out", task.done())
    log("got", await task)


run(main())
