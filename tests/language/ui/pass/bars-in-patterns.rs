// A `|` before a word is an or, of values or of patterns, as often as it begins a closure.
use asyncio::Generator;

#[asyncio::coroutine]
fn numbers(x: Option<u32>) -> Generator<u32, u32> {
    match x {
        | Some(1) | Some(2) => {
            yield_!(1);
        }
        Some(_) | None => {
            let bits = 4 | yield_!(2).unwrap_or(0) | yield_!(3).unwrap_or(0);
            yield_!(bits);
        }
    }
    if let | Some(3) | None = x {
        yield_!(9);
    }
}

fn main() {
    let mut g = numbers(None);
    assert_eq!(g.next(), Some(2));
    assert_eq!(g.send(1), Ok(3));
    assert_eq!(g.send(2), Ok(7));
    assert_eq!(g.next(), Some(9));
}
