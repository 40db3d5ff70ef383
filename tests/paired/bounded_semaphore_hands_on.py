"""Permits go to those who wait in turn; one too many is refused."""

from paired import asyncio, log, run


async def worker(semaphore, name, seconds):
    async with semaphore:
        log(name, "in")
        await asyncio.sleep(seconds)
    log(name, "out")


async def main():
    semaphore = asyncio.BoundedSemaphore(2)
    tasks = [asyncio.create_task(worker(semaphore, name, n)) for name, n in (("a", 3), ("b", 1), ("c", 1), ("d", 1))]
    await asyncio.sleep(0.5)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    log("locked", semaphore.locked())
    try:
        semaphore.release()
    except ValueError as error:
        log(error)


run(main())
