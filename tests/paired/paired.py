"""What every paired program is run with: a virtual clock, and `log`, which says in which turn it was called."""

import asyncio
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parent.parent / "fidelity"))
from virtual_loop import VirtualLoop, normalise  # noqa: E402

normalise()
_first = None


def log(*what):
    """Prints the loop's iteration, counted from the first line, its time and `what`."""
    global _first
    loop = asyncio.get_running_loop()
    if _first is None:
        _first = loop.iteration
    print(loop.iteration - _first, f"{loop.time():g}", *what)


def run(main):
    loop = VirtualLoop()
    loop.set_exception_handler(lambda loop, context: None)
    if hasattr(asyncio, "Runner"):
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(main)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
