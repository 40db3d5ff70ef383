"""A shut-down queue gives out what it has, then wakes getters with QueueShutDown."""

from paired import asyncio, log, run


async def getter(queue, name):
    try:
        while True:
            log(name, "got", await queue.get())
    except asyncio.QueueShutDown:
        log(name, "shut down")


async def main():
    queue = asyncio.Queue()
    tasks = [asyncio.create_task(getter(queue, name)) for name in "ab"]
    await asyncio.sleep(1)
    queue.put_nowait(1)
    queue.shutdown()
    log("shut")
    try:
        await queue.put(2)
    except asyncio.QueueShutDown:
        log("put refused")
    await asyncio.wait(tasks)
    log("end")


run(main())
