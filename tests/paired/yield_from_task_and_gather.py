# CPython 3.8
"""`yield from` waits for tasks and for gather."""

from paired import asyncio, log, run


@asyncio.coroutine
def work(name, delay):
    yield from asyncio.sleep(delay)
    log(name, "done")
    return name


@asyncio.coroutine
def main():
    loop = asyncio.get_event_loop()
    task = loop.create_task(work("a", 2))
    values = yield from asyncio.gather(work("b", 3), work("c", 1))
    log("gathered", *values)
    value = yield from task
    log("task", value)


run(main())
