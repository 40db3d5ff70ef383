"""Who swallows in the middle of a chain gives its value to the one above."""

from paired import asyncio, log, run


async def leaf():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        log("leaf swallows")
    return "leaf's value"


async def top(task):
    log("top got", await task)
    await asyncio.sleep(1)
    log("top goes on")


async def main():
    low = asyncio.create_task(leaf())
    high = asyncio.create_task(top(low))
    await asyncio.sleep(1)
    log("cancel", high.cancel())
    await high
    log("end", low.cancelled(), high.cancelled(), high.cancelling())


run(main())
