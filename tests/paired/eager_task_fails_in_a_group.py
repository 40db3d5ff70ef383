import asyncio

from paired import log, run


async def sleeper(name):
    try:
        await asyncio.sleep(10)
    finally:
        log(name, "ends")


async def fail():
    log("fails")
    raise ValueError("no")


async def main():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(sleeper("before"))
            failing = tg.create_task(fail())
            log("made", failing.done())
            try:
                tg.create_task(sleeper("after"))
            except RuntimeError:
                log("refused")
            await sleeper("body")
            log("never")
    except ExceptionGroup as group:
        log(len(group.exceptions), asyncio.current_task().cancelling())


run(main())
