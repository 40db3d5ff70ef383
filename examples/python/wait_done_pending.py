# /// script
# requires-python = ">=3.8"
# ///
"""`wait` says which tasks are done and which are pending: never an exception, nothing cancelled."""

import asyncio


async def sleeper(name, delay):
    await asyncio.sleep(delay)
    if name == "broken":
        raise ValueError("out of order")
    return delay


def start(name, delay):
    return asyncio.create_task(sleeper(name, delay), name=name)


def names(tasks):
    return ", ".join(sorted(task.get_name() for task in tasks))


def show(title, done, pending):
    print(f"{title}:")
    print(f"  done: {names(done)}")
    print(f"  pending: {names(pending)}")


async def main():
    tasks = [start("fast", 1), start("slow", 3)]
    done, pending = await asyncio.wait(tasks)
    show("all completed", done, pending)

    tasks = [start("fast", 1), start("slow", 3)]
    done, pending = await asyncio.wait(tasks, timeout=2)
    show("timeout of 2 s", done, pending)
    done, pending = await asyncio.wait(tasks)
    show("and then the rest", done, pending)

    tasks = [start("fast", 1), start("broken", 2), start("slow", 3)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    show("first completed", done, pending)
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    show("first exception", done, pending)
    for task in tasks:
        if task in done and task.exception():
            print(f"{task.get_name()}: {task.exception()}")


asyncio.run(main())
