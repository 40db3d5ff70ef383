# /// script
# requires-python = ">=3.8"
# ///
"""A memcache-like server: the other end of cache_client.py, and of the client in Rust.

After cachesvr.py of the first asyncio, whose protocol it speaks.
"""

import argparse
import asyncio
import json

ARGS = argparse.ArgumentParser(description="Cache server example.")
ARGS.add_argument("--host", default="localhost", help="Host name")
ARGS.add_argument("--port", default=54321, type=int, help="Port number; 0 for any")
ARGS.add_argument("--timeout", default=5, type=float, help="Timeout")
ARGS.add_argument("--fail_every", default=0, type=int, help="Fail every nth request")


class Cache:
    def __init__(self, args):
        self.args = args
        self.table = {}
        self.requests = 0

    async def handle_client(self, reader, writer):
        try:
            complaint = await self.frame_parser(reader, writer)
            if complaint:
                writer.write(b"error %s\r\n" % complaint)
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, ConnectionError) as exc:
            print("error", repr(exc), flush=True)
        finally:
            writer.close()

    async def frame_parser(self, reader, writer):
        last_request_id = 0
        while True:
            framing = await asyncio.wait_for(reader.readline(), self.args.timeout)
            self.requests += 1
            if self.args.fail_every and self.requests % self.args.fail_every == 0:
                return b"random failure"
            if not framing:
                return None
            try:
                keyword, request_id, byte_count = framing.split()
                request_id, byte_count = int(request_id), int(byte_count)
            except ValueError:
                return b"unparseable frame"
            if keyword != b"request":
                return b"frame does not start with request"
            if request_id != last_request_id + 1 or byte_count < 2:
                return b"invalid frame parameters"
            last_request_id = request_id
            request = await asyncio.wait_for(reader.readexactly(byte_count), self.args.timeout)
            try:
                request = json.loads(request)
            except ValueError:
                return b"unparsable json"
            response = json.dumps(self.handle_request(request)).encode() + b"\r\n"
            writer.write(b"response %d %d\r\n" % (request_id, len(response)))
            writer.write(response)
            await writer.drain()

    def handle_request(self, request):
        if not isinstance(request, dict):
            return {"error": "request is not a dict"}
        request_type = request.get("type")
        if request_type is None:
            return {"error": "no type in request"}
        if request_type not in {"get", "set", "delete"}:
            return {"error": "unknown request type"}
        key, value = request.get("key"), request.get("value")
        if not isinstance(key, str):
            return {"error": "key is not a string"}
        if request_type == "set":
            if not isinstance(value, str):
                return {"error": "value is not a string"}
            self.table[key] = value
            return {"status": "ok"}
        if key not in self.table:
            return {"status": "notfound"}
        if request_type == "get":
            return {"status": "ok", "value": self.table[key]}
        del self.table[key]
        return {"status": "ok"}


async def main():
    args = ARGS.parse_args()
    server = await asyncio.start_server(Cache(args).handle_client, args.host, args.port)
    for socket in server.sockets:
        print("serving on %s:%d" % socket.getsockname()[:2], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
