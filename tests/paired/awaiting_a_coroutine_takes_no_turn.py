"""A coroutine awaited runs in place."""

from paired import asyncio, log, run


async def inner():
    log("inner")
    return 7


async def outer():
    return await inner() + 1


async def main():
    log("start")
    log("got", await outer())


run(main())
