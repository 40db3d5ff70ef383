"""The n-th await gives the n-th completion."""

from paired import asyncio, log, run


async def work(name, delay):
    await asyncio.sleep(delay)
    return name


async def main():
    log("start")
    for coro in asyncio.as_completed([work("a", 3), work("b", 1), work("c", 2)]):
        log("got", await coro)


run(main())
