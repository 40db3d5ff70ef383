"""One turn for the children, one for their callbacks, one to wake."""

from paired import asyncio, log, run


async def child(name):
    log(name)
    return name


async def main():
    log("start")
    log("got", *await asyncio.gather(child("a"), child("b")))


run(main())
