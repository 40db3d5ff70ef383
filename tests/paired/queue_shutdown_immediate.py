"""An immediate shutdown empties the queue, sends getters and putters away, and lets who joins go on."""

from paired import asyncio, log, run


async def getter(queue):
    try:
        while True:
            log("got", await queue.get())
            await asyncio.sleep(2)
    except asyncio.QueueShutDown:
        log("getter ends")


async def putter(queue):
    try:
        for n in range(5):
            await queue.put(n)
            log("put", n)
    except asyncio.QueueShutDown:
        log("putter ends")


async def joiner(queue):
    await queue.join()
    log("joined")


async def main():
    queue = asyncio.Queue(2)
    tasks = [asyncio.create_task(each(queue)) for each in (getter, putter, joiner)]
    await asyncio.sleep(1)
    queue.task_done()
    queue.shutdown(immediate=True)
    log("shut down", queue.qsize())
    await asyncio.wait(tasks)
    try:
        queue.put_nowait(9)
    except asyncio.QueueShutDown:
        log("refused")
    log("end")


run(main())
