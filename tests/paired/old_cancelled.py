# CPython 3.8
"""Cancelling a generator-based coroutine raises at its `yield from`, and cleanup may yield."""

from paired import asyncio, log, run


@asyncio.coroutine
def child():
    try:
        yield from asyncio.sleep(10)
    finally:
        log("cleanup")
        yield from asyncio.sleep(1)
        yield
        log("clean")


@asyncio.coroutine
def main():
    task = asyncio.get_event_loop().create_task(child())
    yield from asyncio.sleep(1)
    log("cancel", task.cancel())
    yield from asyncio.wait([task])
    log("end", task.cancelled())


run(main())
