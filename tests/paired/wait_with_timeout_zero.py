"""A timeout of no time sees what is done after a turn."""

from paired import asyncio, log, run


async def child(turns):
    for _ in range(turns):
        await asyncio.sleep(0)
    log("child done", turns)


async def main():
    tasks = [asyncio.create_task(child(turns)) for turns in (0, 1, 5)]
    log("start")
    done, pending = await asyncio.wait(tasks, timeout=0)
    log("done", len(done), "pending", len(pending))
    await asyncio.sleep(1)
    log("end")


run(main())
