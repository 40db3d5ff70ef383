//! A database behind a pool of connections: sqlx with SQLite, see `python/database.py`.
//!
//! ```text
//! cargo run --example database
//! ```
//!
//! Fifty coroutines transfer money at the same time, over four connections; each transfer is a
//! transaction, which is rolled back when there is not enough, when it fails, and when its task is
//! cancelled in the middle.

use std::error::Error;

use asyncio::{catch_cancelled, create_task, gather, sleep};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

const NAMES: [&str; 5] = ["Ann", "Bob", "Cid", "Dee", "Eve"];
const EACH: i64 = 100;

/// An empty database in a file, with a pool of connections to it.
#[asyncio::coroutine]
async fn open(path: &std::path::Path) -> sqlx::Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let pool = await_!(
        SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
    )?;
    await_!(
        sqlx::query("CREATE TABLE account (name TEXT PRIMARY KEY, balance INTEGER)").execute(&pool)
    )?;
    for name in NAMES {
        let insert = sqlx::query("INSERT INTO account VALUES (?, ?)");
        await_!(insert.bind(name).bind(EACH).execute(&pool))?;
    }
    Ok(pool)
}

/// Transfers an amount, if there is so much.
#[asyncio::coroutine]
async fn transfer(
    pool: SqlitePool,
    from: &'static str,
    to: &'static str,
    amount: i64,
) -> sqlx::Result<bool> {
    // A transaction that is dropped is rolled back.
    let mut transaction = await_!(pool.begin_with("BEGIN IMMEDIATE"))?;
    let update = "UPDATE account SET balance = balance + ? WHERE name = ? RETURNING balance";
    let balance: i64 = await_!(
        sqlx::query_scalar(update)
            .bind(-amount)
            .bind(from)
            .fetch_one(&mut *transaction)
    )?;
    if balance < 0 {
        return Ok(false);
    }
    // Anything may happen here, but no other transfer.
    await_!(sleep(0));
    await_!(
        sqlx::query_scalar::<_, i64>(update)
            .bind(amount)
            .bind(to)
            .fetch_one(&mut *transaction)
    )?;
    await_!(transaction.commit())?;
    Ok(true)
}

#[asyncio::coroutine]
async fn show(pool: &SqlitePool) -> sqlx::Result<()> {
    let accounts: Vec<(String, i64)> =
        await_!(sqlx::query_as("SELECT name, balance FROM account ORDER BY name").fetch_all(pool))?;
    for (name, balance) in &accounts {
        println!("{name}: {balance}");
    }
    let total: i64 = accounts.iter().map(|(_, balance)| balance).sum();
    println!("({total} in all)");
    Ok(())
}

#[asyncio::coroutine]
async fn bank(path: &std::path::Path) -> sqlx::Result<()> {
    let pool = await_!(open(path))?;
    await_!(show(&pool))?;

    // Each to the next one but n, ten times; what they give and get is the same in any order.
    let transfers = (0..50).map(|n| {
        let (from, to) = (NAMES[n % 5], NAMES[(n + 1 + n / 25) % 5]);
        transfer(pool.clone(), from, to, 1 + (n % 5) as i64)
    });
    let done = await_!(gather(transfers));
    let done = done.into_iter().collect::<sqlx::Result<Vec<_>>>()?;
    println!("{} transfers", done.iter().filter(|&&done| done).count());
    await_!(show(&pool))?;

    let done = await_!(transfer(pool.clone(), "Ann", "Bob", 1000))?;
    println!("a transfer of too much: {done}");
    match await_!(transfer(pool.clone(), "Ann", "Nobody", 1)) {
        Err(sqlx::Error::RowNotFound) => println!("a transfer to nobody: no such account"),
        other => println!("a transfer to nobody: {other:?}"),
    }
    let cancelled = create_task(transfer(pool.clone(), "Ann", "Bob", 1));
    await_!(sleep(0));
    cancelled.cancel();
    let was_cancelled = await_!(catch_cancelled(cancelled)).is_err();
    println!("a transfer that is cancelled: {was_cancelled}");
    await_!(show(&pool))?;
    await_!(pool.close());
    Ok(())
}

#[asyncio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    await_!(bank(&folder.path().join("bank.sqlite")))?;
    Ok(())
}
