"""An eager task takes its first step in its maker's turn, in a context of its own; what does not wait is done at once."""

import contextvars

from paired import asyncio, log, run

request = contextvars.ContextVar("request", default="none")


async def at_once(name):
    request.set(name)
    log(name, "runs", request.get())
    return name


async def waits(name):
    await at_once(name)
    await asyncio.sleep(1)
    log(name, "goes on", request.get())
    return name


async def main():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    done = asyncio.create_task(at_once("a"))
    log("done", done.done(), request.get())
    pending = asyncio.create_task(waits("b"))
    log("done", pending.done(), request.get())
    log(await asyncio.gather(at_once("c"), waits("d"), done, pending))
    async with asyncio.TaskGroup() as group:
        group.create_task(at_once("e"))
        group.create_task(waits("f"))
        log("in the group")
    cancelled = asyncio.create_task(waits("g"))
    cancelled.cancel()
    await asyncio.wait([cancelled])
    log("cancelled", cancelled.cancelled())


run(main())
