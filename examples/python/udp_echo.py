# /// script
# requires-python = ">=3.8"
# ///
"""UDP echo, after udp_echo.py of the first asyncio."""

import argparse
import asyncio

ARGS = argparse.ArgumentParser(description="UDP Echo example.")
ROLE = ARGS.add_mutually_exclusive_group(required=True)
ROLE.add_argument("--server", action="store_true", help="Run udp server")
ROLE.add_argument("--client", action="store_true", help="Run udp client")
ARGS.add_argument("--host", default="127.0.0.1", help="Host name")
ARGS.add_argument("--port", default=9999, type=int, help="Port number; 0 for any")
ARGS.add_argument("--timeout", default=5, type=float, help="How long the client waits")

MESSAGE = "This is the message. It will be echoed."
TRIES = 3


class EchoServer(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


class EchoClient(asyncio.DatagramProtocol):
    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, addr):
        if not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc):
        if not self.answer.done():
            self.answer.set_exception(exc)


async def client(address, timeout):
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(EchoClient, remote_addr=address)
    try:
        for _ in range(TRIES):
            print('sending "%s"' % MESSAGE)
            transport.sendto(MESSAGE.encode())
            try:
                data = await asyncio.wait_for(asyncio.shield(protocol.answer), timeout)
                print('received "%s"' % data.decode())
                return
            except asyncio.TimeoutError:
                print("no answer")
        raise TimeoutError
    finally:
        transport.close()


async def main():
    args = ARGS.parse_args()
    if args.client:
        return await client((args.host, args.port), args.timeout)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        EchoServer, local_addr=(args.host, args.port)
    )
    print("serving on %s:%d" % transport.get_extra_info("sockname")[:2], flush=True)
    await loop.create_future()


if __name__ == "__main__":
    asyncio.run(main())
