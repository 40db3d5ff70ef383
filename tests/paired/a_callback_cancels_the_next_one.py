"""A handle in the running snapshot can still be cancelled."""

from paired import asyncio, log, run


async def main():
    loop = asyncio.get_running_loop()
    handles = []

    def first():
        log("first")
        handles[1].cancel()

    handles.append(loop.call_soon(first))
    handles.append(loop.call_soon(log, "second"))
    handles.append(loop.call_soon(log, "third"))
    await asyncio.sleep(0)
    log("turn")


run(main())
