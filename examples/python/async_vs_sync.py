# /// script
# requires-python = ">=3.8,<3.12"
# ///
"""Five waits of three seconds: together they take three, one after the other fifteen."""

import asyncio
import time


async def wait_async(n):
    await asyncio.sleep(3)
    print(f"async {n}")


def wait_sync(n):
    time.sleep(3)
    print(f"sync {n}")


loop = asyncio.get_event_loop()

start = loop.time()
tasks = [asyncio.ensure_future(wait_async(n)) for n in range(1, 6)]
loop.run_until_complete(asyncio.gather(*tasks))
print(f"async: {loop.time() - start:.1f} s")

start = loop.time()
for n in range(1, 6):
    wait_sync(n)
print(f"sync: {loop.time() - start:.1f} s")

loop.close()
