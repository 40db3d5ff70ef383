# /// script
# requires-python = ">=3.8,<3.12"
# ///
"""The countdown of `generator_based`, with `async def` and `await`."""

import asyncio


async def count_down(name, n):
    while n > 0:
        print(f"{name}: {n}")
        await asyncio.sleep(1)
        n -= 1
    print(f"{name}: liftoff")


loop = asyncio.get_event_loop()
tasks = [
    asyncio.ensure_future(count_down("Apollo", 2)),
    asyncio.ensure_future(count_down("Soyuz", 3)),
]
loop.run_until_complete(asyncio.wait(tasks))
loop.close()
