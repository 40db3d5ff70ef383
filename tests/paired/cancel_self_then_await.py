"""A task that cancels itself is interrupted at its next await."""

from paired import asyncio, log, run


async def child():
    asyncio.current_task().cancel("by myself")
    log("still runs")
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError as exc:
        log("interrupted", *exc.args)
        raise


async def main():
    task = asyncio.create_task(child())
    await asyncio.wait([task])
    log("cancelled", task.cancelled())


run(main())
