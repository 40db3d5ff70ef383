use asyncio::yield_from;

fn numbers() {
    yield_from!([1, 2, 3]);
}

fn main() {}
