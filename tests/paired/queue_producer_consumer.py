"""A bounded queue makes the producer wait."""

from paired import asyncio, log, run


async def producer(queue):
    for item in range(5):
        await queue.put(item)
        log("put", item, "size", queue.qsize())


async def consumer(queue):
    for _ in range(5):
        item = await queue.get()
        log("got", item)
        await asyncio.sleep(1)


async def main():
    queue = asyncio.Queue(2)
    await asyncio.gather(producer(queue), consumer(queue))
    log("end")


run(main())
