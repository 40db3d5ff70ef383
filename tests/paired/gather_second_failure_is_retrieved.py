"""Of two failures in one turn the first in order is raised, the other is not lost but ignored."""

from paired import asyncio, log, run


async def fail(what):
    log("failing", what)
    raise ValueError(what)


async def main():
    try:
        await asyncio.gather(fail("a"), fail("b"))
    except ValueError as exc:
        log("error", exc)
    await asyncio.sleep(1)
    log("end")


run(main())
