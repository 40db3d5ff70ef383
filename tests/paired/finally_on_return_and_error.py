"""finally runs on a return and on an error as well."""

from paired import asyncio, log, run


async def returns():
    try:
        await asyncio.sleep(1)
        return "value"
    finally:
        log("after return")
        await asyncio.sleep(1)


async def fails():
    try:
        await asyncio.sleep(1)
        raise ValueError("boom")
    finally:
        log("after error")
        await asyncio.sleep(1)


async def main():
    log("got", await returns())
    try:
        await fails()
    except ValueError as exc:
        log("error", exc)


run(main())
