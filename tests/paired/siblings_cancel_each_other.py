"""Two tasks that cancel each other in one turn."""

from paired import asyncio, log, run


async def child(name, others):
    try:
        await asyncio.sleep(1)
        log(name, "cancels", others[name].cancel())
        await asyncio.sleep(1)
        log(name, "goes on")
    except asyncio.CancelledError:
        log(name, "cancelled")
        raise


async def main():
    others = {}
    a = asyncio.create_task(child("a", others))
    b = asyncio.create_task(child("b", others))
    others.update(a=b, b=a)
    await asyncio.wait([a, b])
    log("end", a.cancelled(), b.cancelled())


run(main())
