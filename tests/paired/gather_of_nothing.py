"""Gathering nothing is done at once."""

from paired import asyncio, log, run


async def main():
    log("start")
    log("got", await asyncio.gather())


run(main())
