"""A priority queue gives its smallest item, a LIFO queue its newest; both wake who waits in turn."""

from paired import asyncio, log, run


async def taker(queue, name, n):
    for _ in range(n):
        log(name, "got", await queue.get())
        await asyncio.sleep(1)


async def main():
    for queue in (asyncio.PriorityQueue(), asyncio.LifoQueue(3)):
        tasks = [asyncio.create_task(taker(queue, name, 3)) for name in "ab"]
        await asyncio.sleep(0)
        for n in (5, 1, 4, 2, 3, 0):
            await queue.put(n)
            log("put", n)
        await asyncio.wait(tasks)
        log("empty", queue.empty())


run(main())
