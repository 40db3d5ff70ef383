"""uncancel down to nothing also takes back a cancel that has not been raised yet."""

from paired import asyncio, log, run


async def child():
    me = asyncio.current_task()
    me.cancel()
    log("cancelling", me.cancelling())
    log("uncancel", me.uncancel())
    await asyncio.sleep(1)
    log("not interrupted")


async def main():
    await asyncio.create_task(child())
    log("end")


run(main())
