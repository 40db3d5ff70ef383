"""A party that is cancelled counts no more: another one has to come."""

from paired import asyncio, log, run


async def party(barrier, name):
    try:
        log(name, "goes", await barrier.wait())
    except asyncio.CancelledError:
        log(name, "cancelled")
        raise


async def main():
    barrier = asyncio.Barrier(3)
    tasks = [asyncio.create_task(party(barrier, name)) for name in "ab"]
    await asyncio.sleep(1)
    tasks[0].cancel()
    await asyncio.wait(tasks[:1])
    log("waiting", barrier.n_waiting)
    tasks += [asyncio.create_task(party(barrier, name)) for name in "cd"]
    await asyncio.wait(tasks)
    log("end", barrier.n_waiting)


run(main())
