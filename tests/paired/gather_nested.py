"""A gather of gathers, cancelled from outside, cancels down to the leaves."""

from paired import asyncio, log, run


async def leaf(name):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        log(name, "cancelled")
        raise


async def pair(name):
    try:
        await asyncio.gather(leaf(name + "1"), leaf(name + "2"))
    except asyncio.CancelledError:
        log(name, "cancelled")
        raise


async def main():
    task = asyncio.create_task(top())
    await asyncio.sleep(1)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        log("end")


async def top():
    await asyncio.gather(pair("a"), pair("b"))


run(main())
