"""A lock is handed on first come, first served; a newcomer cannot barge in."""

from paired import asyncio, log, run


async def worker(lock, name):
    async with lock:
        log(name, "has it")
        await asyncio.sleep(1)
    log(name, "let go")


async def main():
    lock = asyncio.Lock()
    await asyncio.gather(*(worker(lock, name) for name in "abc"))
    log("end")


run(main())
