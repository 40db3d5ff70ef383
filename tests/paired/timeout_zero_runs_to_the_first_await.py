"""A timeout of no time still runs the body up to its first await."""

from paired import asyncio, log, run


async def main():
    try:
        async with asyncio.timeout(0):
            log("body")
            await asyncio.sleep(5)
            log("never")
    except TimeoutError:
        log("timed out")
    async with asyncio.timeout(0):
        log("a body without an await")
    log("end")


run(main())
