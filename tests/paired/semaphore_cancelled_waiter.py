"""A waiter cancelled after it was woken gives its place to the next."""

from paired import asyncio, log, run


async def worker(semaphore, name):
    try:
        async with semaphore:
            log(name, "in")
    except asyncio.CancelledError:
        log(name, "cancelled")
        raise


async def main():
    semaphore = asyncio.Semaphore(1)
    await semaphore.acquire()
    a = asyncio.create_task(worker(semaphore, "a"))
    b = asyncio.create_task(worker(semaphore, "b"))
    await asyncio.sleep(0)
    semaphore.release()
    log("cancel", a.cancel())
    await asyncio.wait([a, b])
    log("end", semaphore.locked())


run(main())
