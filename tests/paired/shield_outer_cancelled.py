"""Cancelling who awaits a shield leaves the inner running."""

from paired import asyncio, log, run


async def inner():
    await asyncio.sleep(3)
    log("inner done")
    return 1


async def outer(task):
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        log("outer cancelled")
        raise


async def main():
    task = asyncio.create_task(inner())
    shielded = asyncio.create_task(outer(task))
    await asyncio.sleep(1)
    log("cancel", shielded.cancel())
    log("got", await task, shielded.cancelled())


run(main())
