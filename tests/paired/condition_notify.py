"""notify wakes as many as it says, each after it has the lock again."""

from paired import asyncio, log, run


async def waiter(condition, name):
    async with condition:
        log(name, "waits")
        await condition.wait()
        log(name, "woken")


async def main():
    condition = asyncio.Condition()
    tasks = [asyncio.create_task(waiter(condition, name)) for name in "abc"]
    await asyncio.sleep(1)
    async with condition:
        condition.notify(2)
        log("notified 2")
    await asyncio.sleep(1)
    async with condition:
        condition.notify_all()
        log("notified all")
    await asyncio.wait(tasks)
    log("end")


run(main())
