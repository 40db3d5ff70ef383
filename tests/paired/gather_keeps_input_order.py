"""Results come in the order of the arguments, not of completion."""

from paired import asyncio, log, run


async def work(name, delay):
    await asyncio.sleep(delay)
    log(name, "done")
    return name


async def main():
    log("start")
    values = await asyncio.gather(work("a", 3), work("b", 1), work("c", 2))
    log("got", *values)


run(main())
