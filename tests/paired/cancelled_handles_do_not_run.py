"""A handle cancelled before its turn is skipped, one cancelled after is not."""

from paired import asyncio, log, run


async def main():
    loop = asyncio.get_running_loop()
    soon = loop.call_soon(log, "never")
    late = loop.call_later(1, log, "never")
    other = loop.call_later(1, log, "other")
    soon.cancel()
    late.cancel()
    log("cancelled", soon.cancelled(), late.cancelled(), other.cancelled())
    await asyncio.sleep(1)
    log("slept")
    await asyncio.sleep(1)
    other.cancel()
    log("over", other.cancelled())


run(main())
