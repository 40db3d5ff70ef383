# /// script
# requires-python = ">=3.11"
# ///
# Processes run in real time.
"""Processes: what they say, pipelines of them, and the end of one that does not end by itself."""

import asyncio
from asyncio.subprocess import PIPE


async def cat():
    proc = await asyncio.create_subprocess_shell("cat", stdin=PIPE, stdout=PIPE)
    message = "Hello World!"
    print("cat write:", message)
    stdout, _ = await proc.communicate(message.encode())
    print("cat read:", stdout.decode())
    print(f"(exit code {await proc.wait()})")


async def ls():
    proc = await asyncio.create_subprocess_shell("printf 'one\\ntwo\\nthree\\n'", stdout=PIPE)
    async for line in proc.stdout:
        print("ls>>", line.decode().rstrip())
    await proc.wait()


async def pump(source, sink):
    while block := await source.read(1024):
        sink.write(block)
        await sink.drain()
    sink.close()


async def pipeline(text, *commands):
    """What the commands make of a text, each of what the one before it does."""
    procs = [
        await asyncio.create_subprocess_exec(*command.split(), stdin=PIPE, stdout=PIPE)
        for command in commands
    ]
    async with asyncio.TaskGroup() as tg:
        for left, right in zip(procs, procs[1:]):
            tg.create_task(pump(left.stdout, right.stdin))
        last = tg.create_task(procs[-1].stdout.read())
        procs[0].stdin.write(text.encode())
        procs[0].stdin.close()
    codes = [await proc.wait() for proc in procs]
    print(" | ".join(commands), codes)
    print(last.result().decode(), end="")


async def fail():
    proc = await asyncio.create_subprocess_shell("echo oops >&2; exit 3", stderr=PIPE)
    _, stderr = await proc.communicate()
    print(f"stderr: {stderr.decode().rstrip()} (exit code {proc.returncode})")
    try:
        await asyncio.create_subprocess_exec("there-is-no-such-program")
    except FileNotFoundError:
        print("there-is-no-such-program: not found")


async def test_call(*args, timeout):
    # It waits for its input, which does not come.
    proc = await asyncio.create_subprocess_exec(*args, stdin=PIPE)
    try:
        exitcode = await asyncio.wait_for(proc.wait(), timeout)
        print(f"{' '.join(args)}: exit code {exitcode}")
    except TimeoutError:
        print(f"timeout! ({timeout} sec)")
        proc.kill()
        print("exit code", await proc.wait())


async def square(n):
    proc = await asyncio.create_subprocess_shell(f"echo $(({n} * {n}))", stdout=PIPE)
    stdout, _ = await proc.communicate()
    return int(stdout)


async def main():
    await cat()
    await ls()
    await pipeline("b c\na b\nb c\nc a\nb c\n", "sort", "uniq -c", "wc -l")
    await pipeline("to be or not to be" * 100_000, "tr a-z A-Z", "tr -d O", "wc -c")
    await fail()
    await test_call("cat", timeout=0.01)
    print("squares:", *await asyncio.gather(*map(square, range(10))))


asyncio.run(main())
