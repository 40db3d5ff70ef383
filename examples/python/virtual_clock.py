"""Runs a program on a clock that jumps to the next timer instead of waiting for it.

    python virtual_clock.py PROGRAM [ARGUMENT...]

The order of everything is the real one; only the waiting is left out.
"""

import runpy
import selectors
import sys
import time

now = 0.0


def read():
    """The time, and a little later at each look, so that no two timers are due at the same instant."""
    global now
    now += 1e-7
    return now


def sleep(seconds):
    global now
    now += seconds


def install():
    """Puts the virtual clock in the place of `time` and of what every event loop waits with."""
    wait_for_events = selectors.DefaultSelector.select

    def select(self, timeout=None):
        events = wait_for_events(self, 0)
        if not events:
            if timeout is None:
                raise RuntimeError("nothing is ready and no timer is set: this would wait forever")
            sleep(timeout)
        return events

    selectors.DefaultSelector.select = select
    time.sleep = sleep
    time.monotonic = time.perf_counter = read


if __name__ == "__main__":
    install()
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
