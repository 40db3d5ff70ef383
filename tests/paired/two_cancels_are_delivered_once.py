"""Two cancels before one step raise once, with the first message, and count two."""

from paired import asyncio, log, run


async def child():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as exc:
        log("caught", *exc.args, asyncio.current_task().cancelling())
    await asyncio.sleep(1)
    log("not interrupted again")


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(1)
    log(task.cancel("first"), task.cancel("second"))
    await task
    log("end", task.cancelling())


run(main())
