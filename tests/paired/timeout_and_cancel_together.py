"""Expired and cancelled from outside in one turn: the outside wins."""

from paired import asyncio, log, run


async def child():
    try:
        async with asyncio.timeout(1) as cm:
            await asyncio.sleep(10)
    except TimeoutError:
        log("never")
    except asyncio.CancelledError:
        log("cancelled, expired", cm.expired(), asyncio.current_task().cancelling())
        raise


async def main():
    task = asyncio.create_task(child())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(1, task.cancel)
    log("start")
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
