"""Gathering what is done already is done at once."""

from paired import asyncio, log, run


async def child(name):
    return name


async def main():
    a = asyncio.create_task(child("a"))
    b = asyncio.create_task(child("b"))
    await asyncio.sleep(1)
    log("start", a.done(), b.done())
    log("got", *await asyncio.gather(a, b))


run(main())
