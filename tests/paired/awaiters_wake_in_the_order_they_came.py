"""All who await one future wake in the order in which they began to."""

from paired import asyncio, log, run


async def waiter(name, future):
    log(name, "waits")
    log(name, "got", await future)


async def main():
    future = asyncio.get_running_loop().create_future()
    tasks = [asyncio.create_task(waiter(name, future)) for name in "abc"]
    await asyncio.sleep(1)
    future.set_result(5)
    log("set")
    for task in tasks:
        await task
    log("end")


run(main())
