# /// script
# requires-python = ">=3.8,<3.11"
# ///
"""Two coroutines sleep at the same time, so both hellos come after one second."""

import asyncio


@asyncio.coroutine
def hello(name):
    yield from asyncio.sleep(1)
    print(f"hello, {name}")


loop = asyncio.get_event_loop()
start = loop.time()
print("start")
loop.run_until_complete(asyncio.gather(hello("Guido"), hello("Ferris")))
print(f"exit after {loop.time() - start:.1f} s")
loop.close()
