# /// script
# requires-python = ">=3.8"
# ///
"""A client of cache_server.py, and of the server in Rust.

After cacheclt.py of the first asyncio: some tasks share one connection, which is made anew when it
fails; each sets, gets and deletes a key of its own and checks what it is told.
"""

import argparse
import asyncio
import collections
import json
import sys

ARGS = argparse.ArgumentParser(description="Cache client example.")
ARGS.add_argument("--host", default="localhost", help="Host name")
ARGS.add_argument("--port", default=54321, type=int, help="Port number")
ARGS.add_argument("--timeout", default=5, type=float, help="Timeout")
ARGS.add_argument("--max_backoff", default=5, type=float, help="Max backoff on reconnect")
ARGS.add_argument("--ntasks", default=10, type=int, help="Number of tester tasks")
ARGS.add_argument("--rounds", default=0, type=int, help="Rounds of each task, for ever if 0")


class CacheClient:
    """Multiplexing cache client: get(), set() and delete() may be called by any number of tasks."""

    def __init__(self, host, port, max_backoff):
        self.host = host
        self.port = port
        self.max_backoff = max_backoff
        self.todo = collections.deque()
        self.pending = {}
        self.writer = None
        self.reconnects = 0
        self.task = asyncio.create_task(self.activity())

    async def get(self, key):
        return (await self.request("get", key)).get("value")

    async def set(self, key, value):
        return (await self.request("set", key, value)).get("status") == "ok"

    async def delete(self, key):
        return (await self.request("delete", key)).get("status") == "ok"

    async def request(self, type, key, value=None):
        data = {"type": type, "key": key}
        if value is not None:
            data["value"] = value
        waiter = asyncio.get_running_loop().create_future()
        self.send(json.dumps(data).encode(), waiter)
        if self.writer:
            try:
                await self.writer.drain()
            except ConnectionError:
                pass  # It is sent again.
        return await waiter

    async def activity(self):
        backoff = 0
        while True:
            try:
                reader, self.writer = await asyncio.open_connection(self.host, self.port)
            except OSError:
                backoff = min(self.max_backoff, backoff + (backoff // 2) + 1)
                self.reconnects += 1
                await asyncio.sleep(backoff)
                continue
            backoff = 0
            self.next_id = 0
            try:
                todo, self.todo = self.todo, collections.deque()
                for payload, waiter in todo:
                    if not waiter.done():
                        self.send(payload, waiter)
                while True:
                    resp_id, resp = await self.process(reader)
                    _, waiter = self.pending.pop(resp_id)
                    if not waiter.done():
                        waiter.set_result(resp)
            except (OSError, EOFError):
                self.reconnects += 1
                self.writer.close()
                self.writer = None
                self.todo.extend(self.pending.values())
                self.pending = {}

    def send(self, payload, waiter):
        if self.writer is None:
            self.todo.append((payload, waiter))
            return
        self.next_id += 1
        self.writer.write(b"request %d %d\n" % (self.next_id, len(payload)) + payload)
        self.pending[self.next_id] = payload, waiter

    async def process(self, reader):
        frame = await reader.readline()
        if not frame:
            raise EOFError()
        head, tail = frame.split(None, 1)
        if head == b"error":
            raise OSError("OOB error: %r" % tail)
        if head != b"response":
            raise OSError("Bad frame: %r" % frame)
        resp_id, resp_size = map(int, tail.split())
        return resp_id, json.loads(await reader.readexactly(resp_size))


async def testing(label, cache, args, outcomes):
    def w(request):
        return asyncio.wait_for(request, args.timeout)

    key, value = "foo-%s" % label, "hello-%s-world" % label
    done = 0
    while not args.rounds or done < args.rounds:
        done += 1
        try:
            right = await w(cache.set(key, value))
            right &= await w(cache.get(key)) == value
            await w(cache.delete(key))
            right &= await w(cache.get(key)) is None
            outcomes["ok" if right else "wrong"] += 1
        except asyncio.TimeoutError:
            outcomes["timeouts"] += 1


async def main():
    args = ARGS.parse_args()
    cache = CacheClient(args.host, args.port, args.max_backoff)
    outcomes = collections.Counter()
    await asyncio.gather(*[testing(i, cache, args, outcomes) for i in range(args.ntasks)])
    cache.task.cancel()
    print(
        "%d ok, %d timeouts, %d wrong, %d reconnects"
        % (outcomes["ok"], outcomes["timeouts"], outcomes["wrong"], cache.reconnects)
    )
    return 1 if outcomes["wrong"] else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
