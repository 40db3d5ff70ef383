"""Two tasks hand a future to and fro."""

from paired import asyncio, log, run


async def player(name, mine, theirs):
    for round in range(3):
        await mine[round]
        log(name, round)
        theirs[round + (name == "pong")].set_result(None)
    log(name, "ends")


async def main():
    loop = asyncio.get_running_loop()
    ping = [loop.create_future() for _ in range(4)]
    pong = [loop.create_future() for _ in range(4)]
    a = asyncio.create_task(player("ping", ping, pong))
    b = asyncio.create_task(player("pong", pong, ping))
    ping[0].set_result(None)
    await a
    await b


run(main())
