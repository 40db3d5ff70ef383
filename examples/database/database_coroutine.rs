//! A generator that holds a database connection, is sent SQL and yields the rows.

use asyncio::{Generator, StopIteration};
use rusqlite::Connection;

type Rows = Vec<(String, u32)>;

struct Database {
    connection: Connection,
}

impl Database {
    fn open(path: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        println!("connection opened");
        Ok(Database { connection })
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<Rows> {
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }
}

// Python's `finally`: also when the generator is closed before its end.
impl Drop for Database {
    fn drop(&mut self) {
        println!("connection closed");
    }
}

#[asyncio::coroutine]
fn database(path: &str) -> Generator<Rows, &'static str, rusqlite::Result<()>> {
    let connection = Database::open(path)?;
    let mut rows = Rows::new();
    while let Some(sql) = yield_!(rows) {
        rows = connection.execute(sql)?;
    }
    Ok(())
}

fn show(rows: Rows) {
    for (name, year) in &rows {
        println!("{name}, {year}");
    }
    println!("({} rows)", rows.len());
}

fn main() -> Result<(), StopIteration<rusqlite::Result<()>>> {
    let mut db = database(":memory:");
    db.next();
    show(db.send("CREATE TABLE language (name TEXT, year INTEGER)")?);
    show(
        db.send("INSERT INTO language VALUES ('Python', 1991), ('Rust', 2015), ('Simula', 1962)")?,
    );
    show(db.send("SELECT name, year FROM language ORDER BY year")?);
    show(db.send("SELECT name, year FROM language WHERE year > 1990 ORDER BY name")?);
    db.close();

    // An error in the SQL is what the generator returns: it is then at its end.
    let mut db = database(":memory:");
    db.next();
    if let Err(StopIteration {
        value: Some(Err(error)),
    }) = db.send("SELECT name, year FROM nowhere")
    {
        println!("error: {error}");
    }
    Ok(())
}
