"""A cancelled child raises in who gathers; it does not cancel its siblings."""

from paired import asyncio, log, run


async def work(name, delay):
    try:
        await asyncio.sleep(delay)
        log(name, "done")
    except asyncio.CancelledError:
        log(name, "cancelled")
        raise


async def main():
    a = asyncio.create_task(work("a", 2))
    b = asyncio.create_task(work("b", 3))
    asyncio.get_running_loop().call_later(1, a.cancel)
    log("start")
    try:
        await asyncio.gather(a, b)
    except asyncio.CancelledError:
        log("gather raised, cancelling", asyncio.current_task().cancelling())
    await b
    log("end", a.cancelled(), b.cancelled())


run(main())
