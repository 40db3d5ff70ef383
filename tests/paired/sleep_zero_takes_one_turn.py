"""sleep(0) gives up exactly one turn, and tasks go round in order."""

from paired import asyncio, log, run


async def worker(name):
    for step in range(3):
        log(name, step)
        await asyncio.sleep(0)
    log(name, "ends")


async def main():
    a = asyncio.create_task(worker("a"))
    b = asyncio.create_task(worker("b"))
    await a
    await b


run(main())
