"""An item put wakes the first getter, but a newcomer who runs earlier takes it."""

from paired import asyncio, log, run


async def getter(queue, name):
    log(name, "waits")
    log(name, "got", await queue.get())


async def thief(queue):
    log("thief got", queue.get_nowait())


async def main():
    queue = asyncio.Queue()
    tasks = [asyncio.create_task(getter(queue, name)) for name in "ab"]
    await asyncio.sleep(1)
    steals = asyncio.create_task(thief(queue))
    queue.put_nowait(1)
    log("put 1")
    await asyncio.sleep(1)
    queue.put_nowait(2)
    queue.put_nowait(3)
    log("put 2 and 3")
    await asyncio.wait(tasks + [steals])
    log("end")


run(main())
