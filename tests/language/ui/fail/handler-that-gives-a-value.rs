use asyncio::{StreamReader, StreamWriter};

#[asyncio::coroutine]
async fn count(reader: StreamReader, _writer: StreamWriter) -> usize {
    await_!(reader.readline()).map_or(0, |line| line.len())
}

#[asyncio::coroutine]
async fn f() {
    let _server = await_!(asyncio::start_server(count, "127.0.0.1", 0));
}

fn main() {}
