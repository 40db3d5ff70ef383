"""A future that is set already is no reason to wait."""

from paired import asyncio, log, run


async def main():
    future = asyncio.get_running_loop().create_future()
    future.set_result(3)
    log("start")
    log("got", await future)


run(main())
