"""Cancelling what is shielded raises in who awaits the shield."""

from paired import asyncio, log, run


async def inner():
    await asyncio.sleep(10)


async def outer(task):
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        log("outer raised", asyncio.current_task().cancelling())


async def main():
    task = asyncio.create_task(inner())
    shielded = asyncio.create_task(outer(task))
    await asyncio.sleep(1)
    log("cancel", task.cancel())
    await shielded
    log("end", task.cancelled(), shielded.cancelled())


run(main())
