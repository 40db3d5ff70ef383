"""Timers run by deadline, equal ones as they were set."""

from paired import asyncio, log, run


async def main():
    loop = asyncio.get_running_loop()
    loop.call_later(2, log, "two")
    loop.call_later(1, log, "one, first")
    loop.call_later(1, log, "one, second")
    loop.call_later(3, log, "three")
    loop.call_at(loop.time() + 1, log, "one, third")
    log("set")
    await asyncio.sleep(2)
    log("slept 2")
    await asyncio.sleep(2)
    log("slept 4")


run(main())
