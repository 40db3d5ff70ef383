# /// script
# requires-python = ">=3.8"
# ///
"""A generator that is sent a symbol and a date and yields the quote of that day."""

QUOTES = {
    ("CRAB", "2015-05-15"): 100.00,
    ("CRAB", "2018-12-06"): 180.18,
    ("CRAB", "2025-02-20"): 185.85,
    ("PYTH", "1991-02-20"): 9.00,
    ("PYTH", "2008-12-03"): 30.00,
    ("PYTH", "2024-10-07"): 313.00,
}


def stock_quotes():
    quote = None
    while (request := (yield quote)) is not None:
        quote = QUOTES.get(request)


quotes = stock_quotes()
next(quotes)
for symbol, date in [
    ("CRAB", "2015-05-15"),
    ("PYTH", "2008-12-03"),
    ("CRAB", "2025-02-20"),
    ("PYTH", "2000-01-01"),
]:
    quote = quotes.send((symbol, date))
    if quote is not None:
        print(f"{symbol} on {date}: {quote:.2f}")
    else:
        print(f"{symbol} on {date}: no quote")
quotes.close()
