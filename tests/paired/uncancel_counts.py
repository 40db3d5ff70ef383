"""uncancel counts down, and not below nothing."""

from paired import asyncio, log, run


async def child():
    me = asyncio.current_task()
    for _ in range(2):
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            log("caught", me.cancelling())
    log("uncancel", me.uncancel(), me.uncancel(), me.uncancel())
    await asyncio.sleep(1)


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(1)
    task.cancel()
    await task
    log("end", task.cancelling())


run(main())
