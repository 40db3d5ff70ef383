# /// script
# requires-python = ">=3.8"
# ///
"""A generator that is sent numbers and yields them doubled, until it is sent nothing."""


def doubling():
    doubled = 0
    while (number := (yield doubled)) is not None:
        doubled = number * 2


double = doubling()
print(f"first: {next(double)}")
for number in [1, 10, 21]:
    print(f"{number} doubled: {double.send(number)}")
try:
    double.send(None)
except StopIteration:
    print("stopped")
