import asyncio

from paired import log, run


async def worker(name, *delays):
    log(name, "begins in", asyncio.current_task().get_name())
    for delay in delays:
        await asyncio.sleep(delay)
        log(name, "goes on")
    return name


async def parent():
    log("parent begins")
    inner = asyncio.create_task(worker("inner", 0))
    log("parent made", inner.done())
    value = await inner
    log("parent got", value)


async def main():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    quick = asyncio.create_task(worker("quick"))
    log("quick is done", quick.done(), await quick)
    slow = asyncio.create_task(worker("slow", 1))
    turning = asyncio.create_task(worker("turning", 0, 0))
    log("made", slow.done(), turning.done())
    both = asyncio.create_task(parent())
    log("tasks", len(asyncio.all_tasks()))
    quick.add_done_callback(lambda task: log("callback", task.result()))
    log("gathered", await asyncio.gather(slow, turning, worker("last"), both))
    log("gathered", await asyncio.gather(worker("a"), worker("b")))
    done, pending = await asyncio.wait([asyncio.create_task(worker("c"))])
    log("waited", len(done), len(pending))
    log("shielded", await asyncio.shield(worker("d")))
    log("in time", await asyncio.wait_for(worker("e"), 1))
    async with asyncio.TaskGroup() as tg:
        tg.create_task(worker("f"))
        tg.create_task(worker("g", 0))
        log("in the group")
    log("end")


run(main())
