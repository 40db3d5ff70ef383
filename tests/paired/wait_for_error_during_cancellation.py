"""An error raised while being cancelled comes through instead of the TimeoutError."""

from paired import asyncio, log, run


async def fail():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        raise ValueError("while cancelled") from None


async def main():
    log("start")
    try:
        await asyncio.wait_for(fail(), 2)
    except ValueError as exc:
        log("error", exc)
    await asyncio.sleep(1)
    log("end")


run(main())
