# /// script
# requires-python = ">=3.9"
# ///
# Threads answer in real time.
"""A database behind a pool of connections: fifty coroutines transfer money at the same time.

SQLite's own module blocks, so each statement is run by a thread.
"""

import asyncio
import contextlib
import os
import sqlite3
import tempfile

NAMES = ["Ann", "Bob", "Cid", "Dee", "Eve"]
EACH = 100
UPDATE = "UPDATE account SET balance = balance + ? WHERE name = ? RETURNING balance"


class Pool:
    """Connections that are lent one after the other."""

    def __init__(self, path, size):
        self.idle = asyncio.Queue()
        for _ in range(size):
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
            self.idle.put_nowait(connection)

    @contextlib.asynccontextmanager
    async def acquire(self):
        connection = await self.idle.get()
        try:
            yield connection
        finally:
            self.idle.put_nowait(connection)

    @contextlib.asynccontextmanager
    async def begin(self):
        """A transaction that is rolled back unless it gets to its end."""
        async with self.acquire() as connection:
            await execute(connection, "BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                await execute(connection, "ROLLBACK")
                raise
            else:
                await execute(connection, "COMMIT")

    def close(self):
        while not self.idle.empty():
            self.idle.get_nowait().close()


async def execute(connection, sql, *values):
    return await asyncio.shield(
        asyncio.to_thread(lambda: connection.execute(sql, values).fetchall())
    )


class NotEnough(Exception):
    pass


async def transfer(pool, source, to, amount):
    try:
        async with pool.begin() as transaction:
            ((balance,),) = await execute(transaction, UPDATE, -amount, source)
            if balance < 0:
                raise NotEnough
            await asyncio.sleep(0)
            ((_,),) = await execute(transaction, UPDATE, amount, to)
    except NotEnough:
        return False
    return True


async def show(pool):
    async with pool.acquire() as connection:
        accounts = await execute(connection, "SELECT name, balance FROM account ORDER BY name")
    for name, balance in accounts:
        print(f"{name}: {balance}")
    print(f"({sum(balance for _, balance in accounts)} in all)")


async def bank(path):
    pool = Pool(path, 4)
    async with pool.acquire() as connection:
        await execute(connection, "CREATE TABLE account (name TEXT PRIMARY KEY, balance INTEGER)")
        for name in NAMES:
            await execute(connection, "INSERT INTO account VALUES (?, ?)", name, EACH)
    await show(pool)

    # Each to the next one but n, ten times; what they give and get is the same in any order.
    transfers = [
        transfer(pool, NAMES[n % 5], NAMES[(n + 1 + n // 25) % 5], 1 + n % 5) for n in range(50)
    ]
    done = await asyncio.gather(*transfers)
    print(sum(done), "transfers")
    await show(pool)

    done = await transfer(pool, "Ann", "Bob", 1000)
    print("a transfer of too much:", str(done).lower())
    try:
        await transfer(pool, "Ann", "Nobody", 1)
    except ValueError:
        print("a transfer to nobody: no such account")
    cancelled = asyncio.create_task(transfer(pool, "Ann", "Bob", 1))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    print("a transfer that is cancelled:", str(cancelled.cancelled()).lower())
    await show(pool)
    pool.close()


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(bank(os.path.join(folder, "bank.sqlite")))
