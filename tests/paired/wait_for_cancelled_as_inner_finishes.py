"""The caller's cancellation wins even if the inner task is done in the same turn."""

from paired import asyncio, log, run


async def caller(inner):
    try:
        await asyncio.wait_for(inner, 5)
        log("never")
    except asyncio.CancelledError:
        log("cancelled, inner done", inner.done())
        raise


async def main():
    inner = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(caller(inner))
    await asyncio.sleep(1)
    inner.set_result(1)
    log("cancel", task.cancel())
    await asyncio.wait([task])
    log("end", task.cancelled())


run(main())
