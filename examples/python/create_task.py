# /// script
# requires-python = ">=3.8"
# ///
"""A task starts by itself, at the first chance its maker gives; it has a name, a state and a result."""

import asyncio


async def square(n):
    print(f"{asyncio.current_task().get_name()} starts")
    await asyncio.sleep(1)
    return n * n


def show(task):
    if not task.done():
        state = "pending"
    elif task.cancelled():
        state = "cancelled"
    else:
        state = f"done, result {task.result()}"
    print(f"{task.get_name()} is {state}")


async def main():
    three = asyncio.create_task(square(3), name="square of 3")
    four = asyncio.create_task(square(4), name="square of 4")
    five = asyncio.create_task(square(5), name="square of 5")
    three.add_done_callback(lambda task: print(f"{task.get_name()} calls back"))
    show(three)

    print("main gives way")
    await asyncio.sleep(0)
    print("main is back")
    show(three)

    five.cancel()
    print(f"three gives {await three}")
    for task in [three, four, five]:
        show(task)


asyncio.run(main())
