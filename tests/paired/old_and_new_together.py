# CPython 3.8
"""Old coroutines await new ones and the other way round."""

from paired import asyncio, log, run


async def new(x):
    log("new", x)
    await asyncio.sleep(1)
    return x * 2


@asyncio.coroutine
def old(x):
    value = yield from new(x)
    log("old", value)
    yield
    return value + 1


async def main():
    log("got", await old(5))


run(main())
