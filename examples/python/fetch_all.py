# /// script
# requires-python = ">=3.8"
# ///
"""Fetches these sites at once, but no more than some at a time.

With nothing but the standard library, so one connection each, and only http:.
"""

import argparse
import asyncio
import urllib.parse

ARGS = argparse.ArgumentParser(description="Fetch these sites at once.")
ARGS.add_argument("urls", nargs="+", help="What to fetch")
ARGS.add_argument("--limit", default=10, type=int, help="How many are fetched at a time")
ARGS.add_argument("--timeout", default=10, type=float, help="Seconds that each may take")


async def get(url):
    parts = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        request = "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" % (parts.path or "/", parts.netloc)
        writer.write(request.encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return int(head.split()[1]), len(body)
    finally:
        writer.close()


async def fetch(semaphore, url, timeout):
    async with semaphore:
        return await asyncio.wait_for(get(url), timeout)


async def main():
    args = ARGS.parse_args()
    semaphore = asyncio.Semaphore(args.limit)
    fetches = [fetch(semaphore, url, args.timeout) for url in args.urls]
    fetched = await asyncio.gather(*fetches, return_exceptions=True)
    for url, result in zip(args.urls, fetched):
        if isinstance(result, Exception):
            print(result, url)
        else:
            print("%d %d bytes %s" % (*result, url))


asyncio.run(main())
