# /// script
# requires-python = ">=3.9"
# ///
# Threads run in real time.
"""Work for the processor, on threads, while the loop goes on and is told how far they are."""

import asyncio

BLOCK = 1000


def is_prime(n):
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


def count_primes(start, stop, report):
    """How many primes there are; it tells how many numbers it has looked at."""
    found = 0
    for begin in range(start, stop, BLOCK):
        end = min(begin + BLOCK, stop)
        found += sum(map(is_prime, range(begin, end)))
        report(end - begin)
    return found


async def count(limit, parts):
    loop = asyncio.get_running_loop()
    progress = asyncio.Queue()

    def report(done):
        loop.call_soon_threadsafe(progress.put_nowait, done)

    each = limit // parts
    work = asyncio.gather(
        *[asyncio.to_thread(count_primes, n * each, (n + 1) * each, report) for n in range(parts)]
    )
    done = 0
    while done < limit:
        done += await progress.get()
        if done % (limit // 5) == 0:
            print(f"{done * 100 // limit} %")
    return sum(await work)


async def main():
    print("primes:", await count(20_000, 4))

    # What goes wrong on a thread goes wrong for who waits for it.
    try:
        await asyncio.to_thread(int, "twelve")
    except ValueError:
        print("error: twelve is no number")


asyncio.run(main())
