use asyncio::Generator;

#[asyncio::coroutine]
fn push(list: &mut Vec<u32>) -> Generator<usize> {
    list.push(1);
    yield_!(list.len());
}

fn main() {
    let mut list = Vec::new();
    let mut g = push(&mut list);
    g.next();
    list.push(2);
    g.next();
}
