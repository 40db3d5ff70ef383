"""A task cancelled before its first step never runs; the message is kept."""

from paired import asyncio, log, run


async def child():
    log("never")


async def main():
    task = asyncio.create_task(child())
    log("cancel", task.cancel("too early"))
    try:
        await task
    except asyncio.CancelledError as exc:
        log("raised", *exc.args, task.cancelled())


run(main())
