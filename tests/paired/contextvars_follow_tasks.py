"""A task has a copy of its maker's context; a callback that of who handed it over; what is awaited shares it."""

import contextvars

from paired import asyncio, log, run

request = contextvars.ContextVar("request", default="none")


async def helper():
    log("helper", request.get())
    request.set(request.get() + "+")


async def handle(name):
    request.set(name)
    asyncio.get_running_loop().call_soon(lambda: log("callback of", request.get()))
    await asyncio.sleep(1)
    await helper()
    log("after", request.get())
    await asyncio.create_task(helper())
    log("after the task", request.get())


async def main():
    token = request.set("main")
    await asyncio.gather(handle("a"), handle("b"))
    log("main", request.get())
    request.reset(token)
    log("reset", request.get())
    context = contextvars.copy_context()
    await asyncio.create_task(handle("c"), context=context)
    log("main", request.get(), "context", context[request])
    task = asyncio.create_task(asyncio.sleep(1))
    request.set("when added")
    task.add_done_callback(lambda task: log("done callback", request.get()))
    request.set("later")
    await task
    await asyncio.sleep(0)
    log("end")


run(main())
