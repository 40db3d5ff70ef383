"""A cancelled task is not a failure for FIRST_EXCEPTION."""

from paired import asyncio, log, run


async def work(delay):
    await asyncio.sleep(delay)


async def main():
    a = asyncio.create_task(work(3))
    b = asyncio.create_task(work(10))
    asyncio.get_running_loop().call_later(1, b.cancel)
    log("start")
    done, pending = await asyncio.wait([a, b], return_when=asyncio.FIRST_EXCEPTION)
    log("done", len(done), "pending", len(pending), "cancelled", b.cancelled())


run(main())
