"""A waiter cancelled after it was woken passes the lock on."""

from paired import asyncio, log, run


async def worker(lock, name):
    try:
        async with lock:
            log(name, "has it")
    except asyncio.CancelledError:
        log(name, "cancelled")
        raise


async def main():
    lock = asyncio.Lock()
    await lock.acquire()
    a = asyncio.create_task(worker(lock, "a"))
    b = asyncio.create_task(worker(lock, "b"))
    await asyncio.sleep(0)
    lock.release()
    log("cancel", a.cancel())
    await asyncio.wait([a, b])
    log("end", lock.locked())


run(main())
