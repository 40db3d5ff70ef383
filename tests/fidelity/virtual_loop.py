"""An event loop on a virtual clock, with the orders CPython leaves open made definite.

The clock stands still while anything is ready and jumps to the next timer when nothing is, so a program's
trace is a function of the program. Where CPython's own order depends on hashes or on the shape of a heap,
`normalise()` puts insertion order (or, for timers, `(when, sequence)`) in its place; nothing else is touched.

Runs on CPython 3.8 and later.
"""

import asyncio
import heapq
from asyncio import base_events, events, tasks

__all__ = ["Deadlock", "OrderedSet", "VirtualLoop", "normalise"]


class Deadlock(Exception):
    """Nothing is ready and no timer is set: a real loop would wait for ever."""


class OrderedSet:
    """The part of `set` that asyncio uses, in insertion order."""

    def __init__(self, items=()):
        self._items = dict.fromkeys(items)

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def __contains__(self, item):
        return item in self._items

    def add(self, item):
        self._items[item] = None

    def discard(self, item):
        self._items.pop(item, None)

    def remove(self, item):
        del self._items[item]

    def clear(self):
        self._items.clear()


class _TimerHandle(events.TimerHandle):
    """Orders equal deadlines by the order in which they were set."""

    __slots__ = ("_sequence",)

    def __lt__(self, other):
        return (self._when, self._sequence) < (other._when, other._sequence)


class _Jump:
    """Stands where the selector is: instead of waiting, moves the clock."""

    def __init__(self, loop):
        self._loop = loop

    def select(self, timeout):
        if timeout is None:
            raise Deadlock
        if timeout > 0:
            # `now + timeout` would not always be `when` again in floating point.
            self._loop.now = self._loop._scheduled[0]._when
        return ()


class VirtualLoop(base_events.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.iteration = 0
        self.tasks = OrderedSet()
        self._timers = 0
        self._selector = _Jump(self)

    def time(self):
        return self.now

    def call_at(self, when, callback, *args, context=None):
        self._check_closed()
        timer = _TimerHandle(when, callback, args, self, context)
        timer._sequence = self._timers
        self._timers += 1
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def create_task(self, coro, **keywords):
        # Kept for good, so that no task is collected while it is pending.
        task = super().create_task(coro, **keywords)
        self.tasks.add(task)
        return task

    def _run_once(self):
        self.iteration += 1
        super()._run_once()

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass


def _all_tasks(loop=None):
    if loop is None:
        loop = events.get_running_loop()
    return [task for task in loop.tasks if not task.done()]


def _as_completed(self, aws, timeout):
    # CPython's own `_AsCompletedIterator.__init__`, with its set comprehension in insertion order: it shows
    # in the order of tasks that are done already.
    self._done = asyncio.Queue()
    self._timeout_handle = None
    loop = events.get_event_loop()
    todo = OrderedSet(tasks.ensure_future(aw, loop=loop) for aw in OrderedSet(aws))
    for future in todo:
        future.add_done_callback(self._handle_completion)
    if todo and timeout is not None:
        self._timeout_handle = loop.call_later(timeout, self._handle_timeout)
    self._todo = todo
    self._todo_left = len(todo)


def normalise():
    """Replaces every set whose iteration order shows, in this process, by one in insertion order."""
    tasks.set = OrderedSet  # wait's arguments and results, as_completed's arguments
    tasks.all_tasks = asyncio.all_tasks = _all_tasks  # also the order in which run() cancels
    if hasattr(tasks, "_AsCompletedIterator"):
        tasks._AsCompletedIterator.__init__ = _as_completed
    if hasattr(asyncio, "TaskGroup"):
        asyncio.taskgroups.set = OrderedSet  # the order in which an aborting group cancels
