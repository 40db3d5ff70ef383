"""Who waits for a predicate goes on when it holds, and looks at it again after each notification."""

from paired import asyncio, log, run


async def buyer(condition, stock, name, n):
    async with condition:
        await condition.wait_for(lambda: stock["n"] >= n)
        stock["n"] -= n
        log(name, "took", n, "left", stock["n"])


async def main():
    condition, stock = asyncio.Condition(), {"n": 0}
    buyers = [asyncio.create_task(buyer(condition, stock, name, n)) for name, n in (("a", 3), ("b", 1), ("c", 2))]
    for _ in range(6):
        await asyncio.sleep(1)
        async with condition:
            stock["n"] += 1
            log("brought", stock["n"])
            condition.notify_all()
    await asyncio.gather(*buyers)
    log("end", stock["n"])


run(main())
