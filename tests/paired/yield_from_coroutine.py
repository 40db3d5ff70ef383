# CPython 3.8
"""A generator-based coroutine runs in place under `yield from`."""

from paired import asyncio, log, run


@asyncio.coroutine
def inner(x):
    log("inner", x)
    yield from asyncio.sleep(1)
    return x + 1


@asyncio.coroutine
def main():
    log("start")
    value = yield from inner(1)
    log("got", value)


run(main())
