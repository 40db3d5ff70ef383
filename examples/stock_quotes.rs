//! A generator that is sent a symbol and a date and yields the quote of that day.

use std::collections::HashMap;

use asyncio::{Generator, StopIteration};

/// A symbol and a date.
type Request = (&'static str, &'static str);

const QUOTES: [(Request, f64); 6] = [
    (("CRAB", "2015-05-15"), 100.00),
    (("CRAB", "2018-12-06"), 180.18),
    (("CRAB", "2025-02-20"), 185.85),
    (("PYTH", "1991-02-20"), 9.00),
    (("PYTH", "2008-12-03"), 30.00),
    (("PYTH", "2024-10-07"), 313.00),
];

#[asyncio::coroutine]
fn stock_quotes() -> Generator<Option<f64>, Request> {
    let quotes = HashMap::from(QUOTES);
    let mut quote = None;
    while let Some(request) = yield_!(quote) {
        quote = quotes.get(&request).copied();
    }
}

fn main() -> Result<(), StopIteration<()>> {
    let mut quotes = stock_quotes();
    quotes.next();
    for (symbol, date) in [
        ("CRAB", "2015-05-15"),
        ("PYTH", "2008-12-03"),
        ("CRAB", "2025-02-20"),
        ("PYTH", "2000-01-01"),
    ] {
        let quote = quotes.send((symbol, date))?;
        if let Some(quote) = quote {
            println!("{symbol} on {date}: {quote:.2}");
        } else {
            println!("{symbol} on {date}: no quote");
        }
    }
    quotes.close();
    Ok(())
}
