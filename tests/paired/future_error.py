"""An error set in a future is raised in all who await it."""

from paired import asyncio, log, run


async def waiter(name, future):
    try:
        await future
    except ValueError as exc:
        log(name, exc)


async def main():
    future = asyncio.get_running_loop().create_future()
    tasks = [asyncio.create_task(waiter(name, future)) for name in "ab"]
    await asyncio.sleep(1)
    future.set_exception(ValueError("boom"))
    log("set")
    await asyncio.wait(tasks)
    log("end")


run(main())
