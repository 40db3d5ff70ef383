"""What is caught may be looked at, slept over, and raised again."""

from paired import asyncio, log, run


async def child():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as exc:
        log("caught", *exc.args)
        await asyncio.sleep(1)
        log("raising again")
        raise


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(1)
    task.cancel("because")
    try:
        await task
    except asyncio.CancelledError as exc:
        log("raised", *exc.args, task.cancelled())


run(main())
