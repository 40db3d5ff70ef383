# /// script
# requires-python = ">=3.8"
# ///
"""Blocking work holds up everything: timers due at 1 s and 2 s both fire at 3 s.

In debug mode the loop says which task it was that did not give way.
"""

import asyncio
import time


async def blocking():
    loop = asyncio.get_running_loop()
    start = loop.time()

    def fire(due):
        print(f"the timer due at {due} s fires at {loop.time() - start:.1f} s")

    loop.call_later(1, fire, 1)
    loop.call_later(2, fire, 2)

    print("blocking for 3 s")
    time.sleep(3)
    print("giving way")
    await asyncio.sleep(1)
    print(f"done after {loop.time() - start:.1f} s")


asyncio.run(blocking(), debug=True)
