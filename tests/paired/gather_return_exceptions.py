"""With return_exceptions failures and cancelled children are results."""

from paired import asyncio, log, run


async def fail():
    await asyncio.sleep(1)
    raise ValueError("boom")


async def work():
    await asyncio.sleep(2)
    return "fine"


async def forever():
    await asyncio.sleep(100)


async def main():
    child = asyncio.create_task(forever())
    asyncio.get_running_loop().call_later(1, child.cancel)
    log("start")
    for result in await asyncio.gather(fail(), work(), child, return_exceptions=True):
        if isinstance(result, asyncio.CancelledError):
            log("cancelled")
        elif isinstance(result, ValueError):
            log("error", result)
        else:
            log("value", result)


run(main())
