"""The workloads in Python, for asyncio and uvloop: python.py LOOP WORKLOAD N REPEAT"""
import asyncio
import json
import random
import sys
import time

BATCH, TURNING, LOCKING, MESSAGE = 10_000, 1_000, 100, 64


def status(key):
    try:
        with open("/proc/self/status") as lines:
            return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), 0)
    except OSError:
        return 0


async def spawn_join(n):
    async def give(i):
        return i

    for batch in range(n // BATCH):
        tasks = [asyncio.create_task(give(i)) for i in range(BATCH)]
        for task in tasks:
            await task


async def yield_now(n):
    async def turn():
        for _ in range(n // TURNING):
            await asyncio.sleep(0)

    for task in [asyncio.create_task(turn()) for _ in range(TURNING)]:
        await task


async def yield_single(n):
    async def turn():
        for _ in range(n):
            await asyncio.sleep(0)

    await asyncio.create_task(turn())


async def pingpong(n):
    to, back = asyncio.Queue(1), asyncio.Queue(1)

    async def here():
        for i in range(n):
            await to.put(i)
            await back.get()

    async def there():
        for _ in range(n):
            await back.put(await to.get())

    for task in [asyncio.create_task(here()), asyncio.create_task(there())]:
        await task


async def gather(n):
    async def once(i):
        await asyncio.sleep(0)
        return i

    for _ in range(n // TURNING):
        await asyncio.gather(*(once(i) for i in range(TURNING)))


async def shield(n):
    async def give(i):
        return i

    for i in range(n):
        await asyncio.shield(give(i))


async def as_completed(n):
    async def give(i):
        return i

    for _ in range(n // TURNING):
        for value in asyncio.as_completed([give(i) for i in range(TURNING)]):
            await value


async def timeout(n):
    for _ in range(n):
        async with asyncio.timeout(3600):
            await asyncio.sleep(0)


async def lock(n):
    lock = asyncio.Lock()

    async def turn():
        for _ in range(n // LOCKING):
            async with lock:
                await asyncio.sleep(0)

    for task in [asyncio.create_task(turn()) for _ in range(LOCKING)]:
        await task


async def cancelling(n, wait):
    for _ in range(n // BATCH):
        tasks = [asyncio.create_task(wait()) for _ in range(BATCH)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        for task in tasks:
            try:
                await task
            except asyncio.CancelledError:
                pass


async def forever():
    await asyncio.get_running_loop().create_future()


async def cancel(n):
    await cancelling(n, forever)


async def cancel_sleeping(n):
    await cancelling(n, lambda: asyncio.sleep(3600))


async def timers(n):
    tasks = [asyncio.create_task(asyncio.sleep(random.random())) for _ in range(n)]
    for task in tasks:
        await task


async def echo(n, connections):
    async def serve(reader, writer):
        while data := await reader.read(MESSAGE):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def call():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(n // connections):
            writer.write(b"x" * MESSAGE)
            await writer.drain()
            await reader.readexactly(MESSAGE)
        writer.close()

    for task in [asyncio.create_task(call()) for _ in range(connections)]:
        await task
    server.close()


async def idle(n):
    tasks = {asyncio.create_task(forever()) for _ in range(1_000)}
    await asyncio.sleep(0)
    before = status("VmRSS:")
    tasks |= {asyncio.create_task(forever()) for _ in range(n)}
    await asyncio.sleep(0)
    return status("VmRSS:") - before


WORKLOADS = {
    "spawn_join": spawn_join,
    "yield_now": yield_now,
    "yield_single": yield_single,
    "pingpong": pingpong,
    "gather": gather,
    "lock": lock,
    "cancel": cancel,
    "cancel_sleeping": cancel_sleeping,
    "shield": shield,
    "as_completed": as_completed,
    "timeout": timeout,
    "timers_100k": timers,
    "timers_1m": timers,
    "idle": idle,
    "echo_100": lambda n: echo(n, 100),
    "echo_1": lambda n: echo(n, 1),
}


async def main(workload, n, repeat):
    samples = []
    for _ in range(repeat):
        wall, processor = time.perf_counter(), time.process_time()
        resident = await WORKLOADS[workload](n)
        samples.append({
            "wall": time.perf_counter() - wall,
            "processor": time.process_time() - processor,
            "heap": None,
            "resident": resident or 0,
        })
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    print(json.dumps({"n": n, "samples": samples, "most_resident": status("VmHWM:")}))


loop, workload, n, repeat = sys.argv[1:]
if loop == "uvloop":
    import uvloop as loops
else:
    loops = asyncio
loops.run(main(workload, int(n), int(repeat)))
