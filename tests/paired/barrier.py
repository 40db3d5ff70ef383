"""All parties go on when the last has come, each with an index of its own."""

from paired import asyncio, log, run


async def party(barrier, name, delay):
    await asyncio.sleep(delay)
    log(name, "comes")
    log(name, "goes", await barrier.wait())


async def main():
    barrier = asyncio.Barrier(3)
    await asyncio.gather(*(party(barrier, name, delay) for name, delay in (("a", 1), ("b", 3), ("c", 2))))
    log("end")


run(main())
