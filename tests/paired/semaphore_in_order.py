"""A semaphore lets in as many as it counts, in order."""

from paired import asyncio, log, run


async def worker(semaphore, name):
    async with semaphore:
        log(name, "in")
        await asyncio.sleep(1)
        log(name, "out")


async def main():
    semaphore = asyncio.Semaphore(2)
    await asyncio.gather(*(worker(semaphore, name) for name in "abcde"))
    log("end")


run(main())
