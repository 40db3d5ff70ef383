"""A task nobody keeps goes on; the loop owns it."""

from paired import asyncio, log, run


async def child(event):
    for step in range(3):
        log("child", step)
        await asyncio.sleep(1)
    event.set()


async def main():
    event = asyncio.Event()
    keep = asyncio.create_task(child(event))
    log("started")
    await event.wait()
    log("it ended", keep.done())


run(main())
