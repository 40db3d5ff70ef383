"""One turn for the children, one for their callbacks, one to wake."""

from paired import asyncio, log, run


async def child(name):
    log(name)


async def main():
    log("start")
    async with asyncio.TaskGroup() as tg:
        tg.create_task(child("a"))
        tg.create_task(child("b"))
    log("end")


run(main())
