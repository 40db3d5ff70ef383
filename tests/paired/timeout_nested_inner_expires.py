"""Of nested timeouts the one that expired owns the error."""

from paired import asyncio, log, run


async def main():
    try:
        async with asyncio.timeout(5):
            try:
                async with asyncio.timeout(1):
                    await asyncio.sleep(10)
            except TimeoutError:
                log("inner timed out")
            await asyncio.sleep(1)
            log("outer goes on")
    except TimeoutError:
        log("never")
    log("end")


run(main())
