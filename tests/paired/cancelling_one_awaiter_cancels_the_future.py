"""A task's cancel cancels the future it awaits, and so everyone else who awaits it."""

from paired import asyncio, log, run


async def waiter(name, future):
    try:
        await future
    except asyncio.CancelledError:
        log(name, "raised, cancelling", asyncio.current_task().cancelling())


async def main():
    future = asyncio.get_running_loop().create_future()
    a = asyncio.create_task(waiter("a", future))
    b = asyncio.create_task(waiter("b", future))
    await asyncio.sleep(1)
    log("cancel", a.cancel(), future.cancelled())
    await asyncio.wait([a, b])
    log("end")


run(main())
