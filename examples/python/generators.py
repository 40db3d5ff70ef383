# /// script
# requires-python = ">=3.8"
# ///
"""`yield` gives a value out; `yield from` gives out another generator's, then has its return value."""


def inner():
    yield 2
    yield 4
    return 3


def outer():
    yield 1
    last = yield from inner()
    yield last


for number in outer():
    print(number)
