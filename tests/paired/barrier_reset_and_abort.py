"""A reset sends those away who wait, and the barrier serves again; an abort breaks it for who comes later, too."""

from paired import asyncio, log, run


async def party(barrier, name):
    try:
        log(name, "goes", await barrier.wait())
    except asyncio.BrokenBarrierError:
        log(name, "is sent away")


async def main():
    barrier = asyncio.Barrier(2)
    first = asyncio.create_task(party(barrier, "a"))
    await asyncio.sleep(1)
    log("reset", barrier.n_waiting)
    await barrier.reset()
    await first
    await asyncio.gather(party(barrier, "b"), party(barrier, "c"))
    waiting = asyncio.create_task(party(barrier, "d"))
    await asyncio.sleep(1)
    await barrier.abort()
    log("aborted", barrier.broken)
    await waiting
    await party(barrier, "e")
    log("end", barrier.n_waiting)


run(main())
