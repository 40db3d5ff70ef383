"""Children run in the order they were made, grandchildren after all children."""

from paired import asyncio, log, run


async def node(name, depth):
    log(name, "starts")
    if depth:
        left = asyncio.create_task(node(name + "l", depth - 1))
        right = asyncio.create_task(node(name + "r", depth - 1))
        await left
        await right
    log(name, "ends")


async def main():
    await node("x", 2)


run(main())
