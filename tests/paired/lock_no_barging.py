"""Between release and wake-up the lock is free, yet a newcomer waits its turn."""

from paired import asyncio, log, run


async def worker(lock, name):
    log(name, "asks")
    async with lock:
        log(name, "has it")


async def main():
    lock = asyncio.Lock()
    await lock.acquire()
    a = asyncio.create_task(worker(lock, "a"))
    await asyncio.sleep(0)
    lock.release()
    log("released")
    async with lock:
        log("main has it")
    await a


run(main())
