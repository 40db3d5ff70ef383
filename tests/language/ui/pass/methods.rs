use asyncio::Generator;

struct Counter {
    n: u32,
}

impl Counter {
    #[asyncio::coroutine]
    fn up(&mut self, to: u32) -> Generator<u32> {
        while self.n < to {
            self.n += 1;
            yield_!(self.n);
        }
    }
}

fn main() {
    let mut counter = Counter { n: 1 };
    assert_eq!(counter.up(3).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(counter.n, 3);
}
