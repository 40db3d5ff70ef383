# /// script
# requires-python = ">=3.8"
# ///
"""Nobody awaits these tasks: they still take their first step, and are then cancelled."""

import asyncio


async def work(name, delay):
    print(f"{name}: Start")
    await asyncio.sleep(delay)
    print(f"{name}: never printed")


async def make_tasks():
    loop = asyncio.get_running_loop()
    start = loop.time()
    tasks = [
        asyncio.create_task(work("first", 1)),
        asyncio.create_task(work("second", 2)),
    ]
    print(f"made the tasks after {loop.time() - start:.1f} s")
    return tasks


for task in asyncio.run(make_tasks()):
    print(f"{task.get_name()}: {'cancelled' if task.cancelled() else 'finished'}")
