"""An iteration runs the handles it found: what they add waits for the next one."""

from paired import asyncio, log, run


async def main():
    loop = asyncio.get_running_loop()

    def again(left):
        log("callback", left)
        if left:
            loop.call_soon(again, left - 1)

    loop.call_soon(again, 2)
    loop.call_soon(log, "beside")
    log("scheduled")
    for _ in range(4):
        await asyncio.sleep(0)
        log("turn")


run(main())
