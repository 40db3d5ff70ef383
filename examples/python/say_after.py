# /// script
# requires-python = ">=3.8"
# ///
"""Awaiting coroutines one by one adds their times up; tasks sleep side by side."""

import asyncio


async def say_after(delay, what):
    await asyncio.sleep(delay)
    print(what)


async def one_by_one():
    await say_after(1, "hello")
    await say_after(2, "world")


async def side_by_side():
    hello = asyncio.create_task(say_after(1, "hello"))
    world = asyncio.create_task(say_after(2, "world"))
    await hello
    await world


async def main():
    loop = asyncio.get_running_loop()

    start = loop.time()
    await one_by_one()
    print(f"one by one: {loop.time() - start:.1f} s")

    start = loop.time()
    await side_by_side()
    print(f"side by side: {loop.time() - start:.1f} s")


asyncio.run(main())
