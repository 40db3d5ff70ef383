import asyncio

from paired import log, run


async def left(name, delay):
    try:
        await asyncio.sleep(10)
    finally:
        log(name, "cleans up")
        await asyncio.sleep(delay)
        log(name, "clean")


async def interrupt():
    await asyncio.sleep(1)
    log("interrupt")
    raise KeyboardInterrupt


async def main():
    keep = [asyncio.create_task(left(name, delay)) for name, delay in [("a", 2), ("b", 1)]]
    keep.append(asyncio.create_task(interrupt()))
    await left("main", 3)
    log("never")


try:
    run(main())
except KeyboardInterrupt:
    print("KeyboardInterrupt")
