"""Getters are woken first come, first served."""

from paired import asyncio, log, run


async def getter(queue, name):
    log(name, "got", await queue.get())


async def main():
    queue = asyncio.Queue()
    tasks = [asyncio.create_task(getter(queue, name)) for name in "abc"]
    await asyncio.sleep(1)
    for item in range(3):
        queue.put_nowait(item)
    log("put")
    await asyncio.wait(tasks)


run(main())
