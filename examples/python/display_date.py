# /// script
# requires-python = ">=3.8"
# ///
"""Shows the time every second for five seconds."""

import asyncio
import datetime


async def display_date():
    loop = asyncio.get_running_loop()
    # What the wall clock shows when the loop's shows zero.
    epoch = datetime.datetime.now() - datetime.timedelta(seconds=loop.time())
    end_time = loop.time() + 5
    while True:
        now = epoch + datetime.timedelta(seconds=loop.time())
        print(now.strftime("%H:%M:%S"))
        if loop.time() + 1 >= end_time:
            break
        await asyncio.sleep(1)


asyncio.run(display_date())
