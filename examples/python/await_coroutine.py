# /// script
# requires-python = ">=3.8"
# ///
"""A coroutine awaits others and goes on with what they return."""

import asyncio


async def fetch(what, delay):
    print(f"fetching the {what}")
    await asyncio.sleep(delay)
    return len(what)


async def total():
    loop = asyncio.get_running_loop()
    start = loop.time()
    header = await fetch("header", 1)
    print(f"header: {header} after {loop.time() - start:.1f} s")
    body = await fetch("longer body", 2)
    print(f"body: {body} after {loop.time() - start:.1f} s")
    return header + body


async def main():
    print(f"total: {await total()}")


asyncio.run(main())
