# CPython 3.8
"""A bare `yield` gives up one turn of the loop."""

from paired import asyncio, log, run


@asyncio.coroutine
def worker(name):
    for step in range(3):
        log(name, step)
        yield


@asyncio.coroutine
def main():
    loop = asyncio.get_event_loop()
    a = loop.create_task(worker("a"))
    b = loop.create_task(worker("b"))
    yield from a
    yield from b
    log("end")


run(main())
