"""What is no coroutine is gathered as it is: a future that is set, and a gather that is done, take no turn more."""

from paired import asyncio, log, run


async def one(name, value):
    log(name)
    return value


async def main():
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    both = asyncio.gather(first, second)
    first.set_result(1)
    second.set_result(2)
    log("start")
    log("futures", await both)
    inner = asyncio.gather(one("a", 1), one("b", 2))
    log("gathers", await asyncio.gather(inner, asyncio.gather(one("c", 3), one("d", 4))))
    future = loop.create_future()
    cancelled = asyncio.gather(future, asyncio.shield(asyncio.gather(future)))
    log("cancel", cancelled.cancel(), future.cancelled())
    try:
        await cancelled
    except asyncio.CancelledError:
        log("cancelled", cancelled.cancelled())
    log("shielded", await asyncio.shield(asyncio.gather(one("e", 5), one("f", 6))))
    done = loop.create_future()
    done.set_result(7)
    log("done", asyncio.gather(done).done(), await asyncio.gather(done))


run(main())
