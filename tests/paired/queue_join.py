"""join waits until every item was reported done."""

from paired import asyncio, log, run


async def worker(queue, name):
    while True:
        item = await queue.get()
        await asyncio.sleep(item)
        log(name, "did", item)
        queue.task_done()


async def main():
    queue = asyncio.Queue()
    for item in (3, 1, 2):
        queue.put_nowait(item)
    workers = [asyncio.create_task(worker(queue, name)) for name in "ab"]
    log("start")
    await queue.join()
    log("joined")
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    log("end")


run(main())
