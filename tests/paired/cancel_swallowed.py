"""A task may swallow its cancellation and go on; cancel() of a done task is False."""

from paired import asyncio, log, run


async def stubborn():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        log("swallowed, cancelling", asyncio.current_task().cancelling())
    await asyncio.sleep(1)
    return "value"


async def main():
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    log("got", await task)
    log("cancel again", task.cancel(), task.cancelled(), task.cancelling())


run(main())
