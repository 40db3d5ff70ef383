"""Timers that are due run in the iteration that finds them, after what was ready before."""

from paired import asyncio, log, run


async def main():
    loop = asyncio.get_running_loop()
    loop.call_later(0, log, "timer of no time")
    loop.call_later(-1, log, "timer of the past")
    loop.call_soon(log, "soon")
    log("set")
    await asyncio.sleep(0)
    log("turn 1")
    await asyncio.sleep(0)
    log("turn 2")


run(main())
