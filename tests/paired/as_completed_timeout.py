"""After the timeout every await that is left raises."""

from paired import asyncio, log, run


async def work(name, delay):
    await asyncio.sleep(delay)
    return name


async def main():
    log("start")
    for coro in asyncio.as_completed([work("a", 3), work("b", 1), work("c", 4)], timeout=2):
        try:
            log("got", await coro)
        except TimeoutError:
            log("timed out")


run(main())
