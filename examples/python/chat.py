# /// script
# requires-python = ">=3.8"
# ///
"""A room in which everybody hears what anybody says, line by line.

The first line of a client is its name; /who and /quit are for the server. Each client has a queue of
lines that are to be sent to it, and one whose queue is full is thrown out; so is one that says more than
anybody could listen to.
"""

import argparse
import asyncio

ARGS = argparse.ArgumentParser(description="Chat server example.")
ARGS.add_argument("--host", default="localhost", help="Host name")
ARGS.add_argument("--port", default=8000, type=int, help="Port number; 0 for any")
ARGS.add_argument("--backlog", default=100, type=int, help="Lines that may wait for a client")

PATIENCE = 5.0
LIMIT = 1024
RATE = 50


class Room:
    def __init__(self, backlog):
        self.backlog = backlog
        self.members = {}

    async def visit(self, reader, writer):
        try:
            await self.admit(reader, writer)
        except (ValueError, asyncio.TimeoutError) as error:
            writer.write(("* error: %s\n" % error).encode())
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def admit(self, reader, writer):
        writer.write(b"* your name?\n")
        name = await asyncio.wait_for(read_line(reader), PATIENCE)
        if name is None:
            return
        if not name or any(map(str.isspace, name)) or name.startswith("*"):
            raise ValueError("that is no name")
        if name in self.members:
            raise ValueError("that name is taken")
        others = " ".join(sorted(self.members))
        self.broadcast("", "* %s has joined" % name)
        lines = asyncio.Queue(self.backlog)
        self.members[name] = lines, writer
        delivery = asyncio.create_task(deliver(lines, writer))
        self.tell(name, "* welcome %s; here are: %s" % (name, others))
        try:
            await self.listen(name, reader)
        finally:
            del self.members[name]
            self.broadcast("", "* %s has left" % name)
            # Queue.shutdown() is newer than the versions that run this.
            while not lines.empty() and not delivery.done():
                await asyncio.sleep(0)
            delivery.cancel()

    async def listen(self, name, reader):
        loop = asyncio.get_running_loop()
        second, said = loop.time(), 0
        while (line := await read_line(reader)) is not None:
            said += 1
            if loop.time() - second >= 1:
                second, said = loop.time(), 1
            if said > RATE:
                raise ValueError("that is too much at once")
            if line == "/quit":
                break
            elif line == "/who":
                self.tell(name, "* here are: %s" % " ".join(sorted(self.members)))
            elif line.startswith("/"):
                self.tell(name, "* there are /who and /quit")
            elif line:
                self.broadcast(name, "%s: %s" % (name, line))

    def tell(self, name, line):
        lines, writer = self.members[name]
        try:
            lines.put_nowait((line + "\n").encode())
        except asyncio.QueueFull:
            writer.transport.abort()

    def broadcast(self, sender, line):
        for name in self.members:
            if name != sender:
                self.tell(name, line)


async def deliver(lines, writer):
    try:
        while True:
            writer.write(await lines.get())
            await writer.drain()
    except ConnectionError:
        pass


async def read_line(reader):
    line = await reader.readline()
    return line.decode("utf-8", "replace").rstrip() if line.endswith(b"\n") else None


async def main():
    args = ARGS.parse_args()
    room = Room(args.backlog)
    server = await asyncio.start_server(room.visit, args.host, args.port, limit=LIMIT)
    for socket in server.sockets:
        print("serving on %s:%d" % socket.getsockname()[:2], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
