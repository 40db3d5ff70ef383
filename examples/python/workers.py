# /// script
# requires-python = ">=3.8"
# ///
"""Three workers take turns: each says One, and while it sleeps the others do too."""

import asyncio


async def worker():
    print("One")
    await asyncio.sleep(1)
    print("Two")


async def main():
    await asyncio.gather(worker(), worker(), worker())


asyncio.run(main())
