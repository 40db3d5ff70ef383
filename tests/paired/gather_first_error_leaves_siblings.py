"""The first error wins at once; the siblings are not cancelled."""

from paired import asyncio, log, run


async def fail(delay, what):
    await asyncio.sleep(delay)
    raise ValueError(what)


async def work(delay):
    await asyncio.sleep(delay)
    log("sibling went on")
    return 1


async def main():
    log("start")
    try:
        await asyncio.gather(work(3), fail(1, "first"), fail(2, "second"))
    except ValueError as exc:
        log("error", exc)
    await asyncio.sleep(3)
    log("end")


run(main())
