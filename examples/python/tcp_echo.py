# /// script
# requires-python = ">=3.8"
# ///
"""TCP echo, after tcp_echo.py of the first asyncio; with streams in the place of its protocols."""

import argparse
import asyncio
import sys

ARGS = argparse.ArgumentParser(description="TCP Echo example.")
ROLE = ARGS.add_mutually_exclusive_group(required=True)
ROLE.add_argument("--server", action="store_true", help="Run tcp server")
ROLE.add_argument("--client", action="store_true", help="Run tcp client")
ARGS.add_argument("--host", default="127.0.0.1", help="Host name")
ARGS.add_argument("--port", default=9999, type=int, help="Port number; 0 for any")
ARGS.add_argument("--timeout", default=5, type=float, help="Timeout of the server")

MESSAGE = "This is the message. It will be echoed."


async def echo(reader, writer, timeout):
    try:
        while data := await asyncio.wait_for(reader.read(1 << 14), timeout):
            writer.write(data)
            await asyncio.wait_for(writer.drain(), timeout)
    except asyncio.TimeoutError:
        print("connection timeout, closing.", file=sys.stderr)
    finally:
        writer.close()


async def client(host, port):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(MESSAGE.encode())
    print("data sent:", MESSAGE)
    print("data received:", (await reader.readexactly(len(MESSAGE))).decode())
    writer.close()
    await writer.wait_closed()


async def main():
    args = ARGS.parse_args()
    if args.client:
        return await client(args.host, args.port)
    server = await asyncio.start_server(
        lambda reader, writer: echo(reader, writer, args.timeout), args.host, args.port
    )
    for socket in server.sockets:
        print("serving on %s:%d" % socket.getsockname()[:2], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
