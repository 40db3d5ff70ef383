"""Runs fidelity programs on CPython: one program per input line, its trace per output line, both JSON.

The language is that of `tests/src/fidelity/program.rs`; `tests/src/fidelity/interpret.rs` is this file in
Rust, and the two are meant to be read side by side. `--pure` takes asyncio's tasks and futures written in
Python instead of those written in C; that is for programs whose cancellations have messages.
"""

import sys

if "--pure" in sys.argv:
    sys.modules["_asyncio"] = None  # makes asyncio fall back to its own Python code

import asyncio
import contextvars
import gc
import json
import signal
import warnings

from virtual_loop import VirtualLoop, normalise

WATCHDOG = 512  # ticks after which everything that still waits is cancelled
PATIENCE = 16  # how often it is, before the program is given up: nothing cancels a condition that waits for its lock
MOST_TASKS = 60
TICK = 8  # ticks in a second: every time in a trace is a whole number of them
LIMIT = 20  # real seconds after which a program counts as one that never ends
SHOWN = 300  # lines of the trace of such a one


class Hang(KeyboardInterrupt):
    """Ends a program that spins: of the exceptions that no task keeps to itself."""


class Fail(Exception):
    """A program's exception: in mode "panic" what is a panic in Rust, else what is an `Err`."""

    def __init__(self, name, panic):
        super().__init__(name)
        self.name = name
        self.panic = panic


VARS = [contextvars.ContextVar("first"), contextvars.ContextVar("second")]


class Group(asyncio.TaskGroup):
    """With the `cancel` of 3.15, which 3.13 lacks: as the documentation there has it, in the same order."""

    def cancel(self):
        if self._aborting or (self._exiting and not self._tasks):
            return
        self._abort()
        if not self._parent_cancel_requested:
            self._parent_cancel_requested = True
            self._parent_task.cancel()


QUEUES = {"fifo": asyncio.Queue, "lifo": asyncio.LifoQueue, "priority": asyncio.PriorityQueue}


class Frame:
    """One call of a coroutine."""

    __slots__ = ("name", "is_task", "task", "coro", "timeouts", "groups")

    def __init__(self, number, coro, task=None, groups=()):
        self.name = f"c{coro}.{number}"
        self.is_task = task is None
        self.task = number if task is None else task  # the frame at the bottom of this task's stack
        self.coro = coro
        self.timeouts = []
        self.groups = list(groups)


class Slot:
    __slots__ = ("task", "number")

    def __init__(self, task, number):
        self.task = task
        self.number = number



def cancelled_name(exc):
    return f"Cancelled:{exc.args[0]}" if exc.args and exc.args[0] else "Cancelled"


def outcome(future):
    if not future.done():
        return "pending"
    if future.cancelled():
        return "Cancelled"
    exc = future.exception()
    if exc is not None:
        return "!" + exc.name
    return str(future.result())


def value_name(value):
    if isinstance(value, asyncio.CancelledError):
        return "Cancelled"
    return "!" + value.name if isinstance(value, Fail) else value


def show(values):
    return "[" + ",".join(values) + "]"


def exception_name(exc):
    if isinstance(exc, BaseExceptionGroup):
        return "Group" + show([exception_name(e) for e in exc.exceptions])
    return exc.name


class Run:
    def outcome(self, slot):
        if slot.number == 0 and slot.task.done() and not slot.task.cancelled():
            return "done"  # its value is for `run` alone
        return outcome(slot.task)

    def __init__(self, program, loop):
        self.loop = loop
        self.coros = program["coros"]
        self.panic = program.get("mode") == "panic"
        self.trace = []
        self.ended = False
        self.first = None
        self.watched = 0
        self.frames = 0
        self.slots = {}
        self.handles = {}
        self.waits = {}  # task -> the tasks it awaits, to refuse cycles: CPython overflows its stack on cancelling one
        self.locks = [asyncio.Lock() for _ in range(program.get("locks", 0))]
        self.events = [asyncio.Event() for _ in range(program.get("events", 0))]
        self.futures = [loop.create_future() for _ in range(program.get("futures", 0))]
        self.contexts = {}
        self.gathers = {}
        kinds = program.get("kinds", ())
        self.queues = [
            QUEUES[kinds[n] if n < len(kinds) else "fifo"](size) for n, size in enumerate(program.get("queues", ()))
        ]
        self.semaphores = [asyncio.Semaphore(value) for value in program.get("semaphores", ())]
        self.bounded = [asyncio.BoundedSemaphore(value) for value in program.get("bounded", ())]
        lock = program.get("condition_lock")
        lock = None if lock is None else self.locks[lock]
        self.conditions = [asyncio.Condition(lock) for _ in range(program.get("conditions", 0))]
        self.notices = [0 for _ in self.conditions]  # how often each was notified: what its predicates look at
        self.barriers = [asyncio.Barrier(parties) for parties in program.get("barriers", ())]

    # The trace

    def log(self, who, what):
        if self.ended:
            return  # a coroutine that was left over is collected
        iteration = self.loop.iteration
        if self.first is None:
            self.first = iteration
        self.trace.append(f"{iteration - self.first} {self.loop.now * TICK:g} {who} {what}")

    def fail(self, name):
        return Fail(name, self.panic)

    # Coroutines and tasks

    def frame(self, coro, parent=None, groups=()):
        self.frames += 1
        return Frame(self.frames - 1, coro, parent and parent.task, groups)

    async def body(self, f):
        self.log(f.name, "start")
        try:
            value = await self.block(f, self.coros[f.coro])
        except asyncio.CancelledError:
            self.log(f.name, "cancelled")
            raise
        except Fail as exc:
            self.log(f.name, f"raise {exc.name}")
            raise
        if value is None:
            value = "-"
        self.log(f.name, f"return {value}")
        return value

    async def known(self, body):
        """Has the loop know a task that begins before its factory returns, so that it comes before those it makes."""
        self.loop.tasks.add(asyncio.current_task())
        return await body

    async def main(self):
        self.slots[0] = Slot(asyncio.current_task(), 0)
        self.loop.call_later(WATCHDOG / TICK, self.watchdog)
        return await self.body(self.frame(0))

    def watchdog(self):
        tasks = asyncio.all_tasks()
        self.log("loop", f"watchdog {len(tasks)}")
        self.loop.call_later(WATCHDOG / TICK, self.watchdog)
        self.watched += 1
        if self.watched > PATIENCE:
            self.ended = True
            raise KeyboardInterrupt  # also when the runner is closed, which waits for the same tasks
        for task in tasks:
            task.cancel()

    def reaches(self, start, goal):
        todo, seen = [start], set()
        while todo:
            task = todo.pop()
            if task == goal:
                return True
            if task not in seen:
                seen.add(task)
                todo.extend(self.waits.get(task, ()))
        return False

    def take(self, f, items):
        """The awaitables of `items` and the tasks they are, or None where the program may not wait for them.

        A slot stands for its task, a coroutine for a new call of it, a future for itself."""
        for item in items:
            if "slot" in item:
                slot = self.slots.get(item["slot"])
                if slot is None:
                    self.log(f.name, "empty")
                    return None
                if item["slot"] == 0:
                    self.log(f.name, "main")
                    return None
                if self.reaches(slot.number, f.task):
                    self.log(f.name, "cycle")
                    return None
        if self.frames + len(items) > MOST_TASKS:
            self.log(f.name, "full")
            return None
        awaitables, numbers = [], []
        for item in items:
            if "slot" in item:
                slot = self.slots[item["slot"]]
                awaitables.append(slot.task)
                numbers.append(slot.number)
            elif "future" in item:
                awaitables.append(self.futures[item["future"]])
            else:
                child = self.frame(item["coro"])
                awaitables.append(self.body(child))
                numbers.append(child.task)
        return awaitables, numbers

    class Waiting:
        """Marks that a task waits for others while it does."""

        __slots__ = ("waits", "numbers")

        def __init__(self, run, f, numbers):
            self.waits = run.waits.setdefault(f.task, [])
            self.numbers = numbers

        def __enter__(self):
            self.waits.extend(self.numbers)

        def __exit__(self, *_):
            for number in self.numbers:
                self.waits.remove(number)

    async def block(self, f, ops):
        """Runs `ops`; the value if one of them returned, else None."""
        for op in ops:
            if type(op) is str:
                name, arg = op, None
            else:
                ((name, arg),) = op.items()
            now = NOW.get(name)
            if now is not None:
                value = now(self, f, arg)
            else:
                value = await LATER[name](self, f, arg)
            if value is not None:
                return value
        return None

    def callback(self, who, ops):
        f = Frame(0, 0)
        f.name = who
        for op in ops:
            if type(op) is str:
                name, arg = op, None
            else:
                ((name, arg),) = op.items()
            NOW[name](self, f, arg)

    # Operations that never wait

    def op_log(self, f, n):
        self.log(f.name, f"log {n}")

    def op_return(self, f, n):
        return f"v{n}"

    def op_fail(self, f, n):
        self.log(f.name, f"fail e{n}")
        raise self.fail(f"e{n}")

    def op_spawn(self, f, a):
        if self.frames >= MOST_TASKS:
            return self.log(f.name, "full")
        child = self.frame(a["coro"])
        context = self.contexts.get(a.get("context"))
        if a.get("eager"):
            task = asyncio.eager_task_factory(self.loop, self.known(self.body(child)), name=child.name)
        else:
            task = asyncio.create_task(self.body(child), name=child.name, context=context)
        self.slots[a["slot"]] = Slot(task, child.task)
        self.log(f.name, f"spawn s{a['slot']} {child.name}")

    def op_group_spawn(self, f, a):
        if not f.groups:
            return self.log(f.name, "no group")
        if self.frames >= MOST_TASKS:
            return self.log(f.name, "full")
        group, owner = f.groups[-1]
        child = self.frame(a["coro"], groups=f.groups)
        try:
            task = group.create_task(self.body(child), name=child.name)
        except RuntimeError:
            return self.log(f.name, f"group spawn {child.name} refused")
        self.waits.setdefault(owner, []).append(child.task)
        self.slots[a["slot"]] = Slot(task, child.task)
        self.log(f.name, f"group spawn s{a['slot']} {child.name}")

    def op_group_cancel(self, f, _):
        if not f.groups:
            return self.log(f.name, "no group")
        f.groups[-1][0].cancel()
        self.log(f.name, "group cancel")

    def op_gather_new(self, f, a):
        taken = self.take(f, a["items"])
        if taken is None:
            return
        awaitables, numbers = taken
        gather = asyncio.gather(*awaitables, return_exceptions=a["exceptions"])
        self.gathers[a["gather"]] = [gather, numbers, False]
        self.log(f.name, f"gather new {a['gather']} {len(numbers)}")

    def op_gather_cancel(self, f, n):
        if n not in self.gathers:
            return self.log(f.name, "empty")
        self.log(f.name, f"gather cancel {n} -> {int(self.gathers[n][0].cancel())}")

    def op_var_set(self, f, a):
        VARS[a["var"]].set(a["value"])
        self.log(f.name, f"var {a['var']} set")

    def op_var_get(self, f, var):
        self.log(f.name, f"var {var} {VARS[var].get('unset')}")

    def op_context_copy(self, f, n):
        self.contexts[n] = contextvars.copy_context()
        self.log(f.name, f"context {n}")

    def op_state(self, f, thing):
        if thing == "timeout":
            return self.log(f.name, f"timeout {self.timeout_state(f)}")
        ((kind, n),) = thing.items()
        self.log(f.name, f"{kind}({n}) {getattr(self, 'state_of_' + kind)(n)}")

    def timeout_state(self, f):
        if not f.timeouts:
            return "none"
        cm = f.timeouts[-1]
        when = "none" if cm.when() is None else f"{cm.when() * TICK:g}"
        return f"{when} {int(cm.expired())}"

    def state_of_lock(self, n):
        return int(self.locks[n].locked())

    def state_of_event(self, n):
        return int(self.events[n].is_set())

    def state_of_condition(self, n):
        return int(self.conditions[n].locked())

    def state_of_semaphore(self, n):
        return int(self.semaphores[n].locked())

    def state_of_bounded(self, n):
        return int(self.bounded[n].locked())

    def state_of_barrier(self, n):
        return f"{self.barriers[n].n_waiting} {int(self.barriers[n].broken)}"

    def state_of_queue(self, n):
        queue = self.queues[n]
        return f"{queue.qsize()} {int(queue.empty())} {int(queue.full())}"

    def state_of_future(self, n):
        return outcome(self.futures[n])

    def state_of_gather(self, n):
        if n not in self.gathers:
            return "none"
        gather = self.gathers[n][0]
        return f"{int(gather.done())} {int(gather.cancelled())}"

    def state_of_handle(self, n):
        handle = self.handles.get(n)
        if handle is None:
            return "none"
        if not isinstance(handle, asyncio.TimerHandle):
            return int(handle.cancelled())
        return f"{int(handle.cancelled())} {handle.when() * TICK:g}"

    def op_cancel(self, f, a):
        slot = self.slots.get(a["slot"])
        if slot is None:
            return self.log(f.name, "empty")
        msg = a.get("msg")
        done = slot.task.cancel() if msg is None else slot.task.cancel(f"m{msg}")
        self.log(f.name, f"cancel s{a['slot']} -> {int(done)}")

    def op_cancel_self(self, f, msg):
        task = asyncio.current_task()
        done = task.cancel() if msg is None else task.cancel(f"m{msg}")
        self.log(f.name, f"cancel self -> {int(done)} {task.cancelling()}")

    def op_uncancel(self, f, _):
        self.log(f.name, f"uncancel -> {asyncio.current_task().uncancel()}")

    def op_look(self, f, n):
        slot = self.slots.get(n)
        if slot is None:
            return self.log(f.name, "empty")
        self.log(f.name, f"look s{n} {self.outcome(slot)} {slot.task.cancelling()}")

    def op_all_tasks(self, f, _):
        self.log(f.name, f"all tasks {len(asyncio.all_tasks())}")

    def op_call_soon(self, f, a):
        self.handles[a["handle"]] = self.loop.call_soon(self.callback, f"h{a['handle']}", a["ops"])
        self.log(f.name, f"call soon h{a['handle']}")

    def op_call_later(self, f, a):
        self.handles[a["handle"]] = self.loop.call_later(
            a["delay"] / TICK, self.callback, f"h{a['handle']}", a["ops"]
        )
        self.log(f.name, f"call later h{a['handle']} {a['delay']}")

    def op_call_at(self, f, a):
        self.handles[a["handle"]] = self.loop.call_at(
            self.loop.time() + a["delay"] / TICK, self.callback, f"h{a['handle']}", a["ops"]
        )
        self.log(f.name, f"call at h{a['handle']} {a['delay']}")

    def op_cancel_handle(self, f, n):
        handle = self.handles.get(n)
        if handle is None:
            return self.log(f.name, "empty")
        handle.cancel()
        self.log(f.name, f"cancel h{n}")

    def op_when_done(self, f, a):
        slot = self.slots.get(a["slot"])
        if slot is None:
            return self.log(f.name, "empty")
        if slot.number == 0:
            return self.log(f.name, "main")

        def done(task):
            self.log(f"d{a['slot']}", self.outcome(slot))
            self.callback(f"d{a['slot']}", a["ops"])

        slot.task.add_done_callback(done)
        self.log(f.name, f"when done s{a['slot']}")

    def op_event_set(self, f, n):
        self.events[n].set()
        self.log(f.name, f"event set {n}")

    def op_event_clear(self, f, n):
        self.events[n].clear()
        self.log(f.name, f"event clear {n}")

    def op_future_set(self, f, a):
        future = self.futures[a["future"]]
        if future.done():
            return self.log(f.name, f"future {a['future']} already {outcome(future)}")
        future.set_result(f"v{a['value']}")
        self.log(f.name, f"future set {a['future']}")

    def op_future_fail(self, f, a):
        future = self.futures[a["future"]]
        if future.done():
            return self.log(f.name, f"future {a['future']} already {outcome(future)}")
        future.set_exception(self.fail(f"e{a['value']}"))
        self.log(f.name, f"future fail {a['future']}")

    def op_future_cancel(self, f, n):
        self.log(f.name, f"future cancel {n} -> {int(self.futures[n].cancel())}")

    def op_future_new(self, f, n):
        self.futures[n] = self.loop.create_future()
        self.log(f.name, f"future new {n}")

    def op_future_when_done(self, f, a):
        def done(future):
            self.log(f"f{a['future']}", outcome(future))
            self.callback(f"f{a['future']}", a["ops"])

        self.futures[a["future"]].add_done_callback(done)
        self.log(f.name, f"when future done {a['future']}")

    def refused(self, f, what, act, *arguments):
        try:
            act(*arguments)
        except (RuntimeError, ValueError):
            what += " refused"
        self.log(f.name, what)

    def op_lock_release(self, f, n):
        self.refused(f, f"lock release {n}", self.locks[n].release)

    def op_semaphore_release(self, f, n):
        self.refused(f, f"semaphore release {n}", self.semaphores[n].release)

    def op_bounded_release(self, f, n):
        self.refused(f, f"bounded release {n}", self.bounded[n].release)

    def op_notify_now(self, f, a):
        n = a["condition"]
        self.refused(f, f"notify {n}", self.conditions[n].notify, a["count"])

    def op_put_nowait(self, f, a):
        n, item = a["queue"], f"v{a['value']}"
        try:
            self.queues[n].put_nowait(item)
            self.log(f.name, f"put nowait {n}")
        except asyncio.QueueFull:
            self.log(f.name, f"put nowait {n} full")
        except asyncio.QueueShutDown:
            self.log(f.name, f"put nowait {n} shut down")

    def op_get_nowait(self, f, n):
        try:
            self.log(f.name, f"get nowait {n} -> {self.queues[n].get_nowait()}")
        except asyncio.QueueEmpty:
            self.log(f.name, f"get nowait {n} empty")
        except asyncio.QueueShutDown:
            self.log(f.name, f"get nowait {n} shut down")

    def op_task_done(self, f, n):
        self.refused(f, f"task done {n}", self.queues[n].task_done)

    def op_queue_shutdown(self, f, a):
        self.queues[a["queue"]].shutdown(a["immediate"])
        self.log(f.name, f"queue shutdown {a['queue']}")

    def op_reschedule(self, f, delay):
        if not f.timeouts:
            return self.log(f.name, "no timeout")
        cm = f.timeouts[-1]
        if cm.expired():
            return self.log(f.name, "timeout expired")
        cm.reschedule(None if delay is None else self.loop.time() + delay / TICK)
        self.log(f.name, "reschedule")

    # Operations that may wait

    async def op_turn(self, f, _):
        await asyncio.sleep(0)
        self.log(f.name, "turned")

    async def op_sleep(self, f, delay):
        self.log(f.name, f"sleep {delay}")
        await asyncio.sleep(delay / TICK)
        self.log(f.name, "slept")

    async def op_call(self, f, coro):
        if self.frames >= MOST_TASKS:
            return self.log(f.name, "full")
        child = self.frame(coro, f)
        self.log(f.name, f"call {child.name}")
        value = await self.body(child)
        self.log(f.name, f"called {value}")

    async def op_await(self, f, n):
        taken = self.take(f, [{"slot": n}])
        if taken is None:
            return
        (task,), numbers = taken
        self.log(f.name, f"await s{n}")
        with Run.Waiting(self, f, numbers):
            value = await task
        self.log(f.name, f"awaited s{n} {value}")

    async def op_gather(self, f, a):
        taken = self.take(f, a["items"])
        if taken is None:
            return
        awaitables, numbers = taken
        exceptions = a["exceptions"]
        self.log(f.name, f"gather {len(numbers)}")
        with Run.Waiting(self, f, numbers):
            values = await asyncio.gather(*awaitables, return_exceptions=exceptions)
        self.log(f.name, f"gathered {show([value_name(value) for value in values])}")

    async def op_gather_await(self, f, n):
        if n not in self.gathers:
            return self.log(f.name, "empty")
        gather, numbers, awaited = self.gathers[n]
        if awaited:
            return self.log(f.name, "awaited")
        if any(self.reaches(child, f.task) for child in numbers):
            return self.log(f.name, "cycle")
        self.gathers[n][2] = True
        self.log(f.name, f"gather await {n}")
        with Run.Waiting(self, f, numbers):
            values = await gather
        self.log(f.name, f"gathered {n} {show([value_name(value) for value in values])}")

    async def op_var_scope(self, f, a):
        self.log(f.name, f"var {a['var']} scope")
        token = VARS[a["var"]].set(a["value"])
        try:
            return await self.block(f, a["ops"])
        finally:
            VARS[a["var"]].reset(token)

    async def op_wait(self, f, a):
        slots = []
        for n in a["slots"]:
            slot = self.slots.get(n)
            if n != 0 and slot is not None and slot not in slots:
                slots.append(slot)
        if not slots:
            return self.log(f.name, "empty")
        timeout = a.get("timeout")
        self.log(f.name, f"wait {len(slots)}")
        done, pending = await asyncio.wait(
            [slot.task for slot in slots],
            timeout=None if timeout is None else timeout / TICK,
            return_when=a["until"],
        )
        names = {slot.task: f"#{slot.number}" for slot in slots}
        self.log(f.name, f"waited {show([names[t] for t in done])} {show([names[t] for t in pending])}")

    async def op_wait_for(self, f, a):
        item = a["item"]
        if "coro" in item:  # runs inside this task
            if self.frames >= MOST_TASKS:
                return self.log(f.name, "full")
            awaitable, numbers = self.body(self.frame(item["coro"], f)), []
        else:
            taken = self.take(f, [item])
            if taken is None:
                return
            (awaitable,), numbers = taken
        timeout = a.get("timeout")
        self.log(f.name, f"wait for {'none' if timeout is None else timeout}")
        try:
            with Run.Waiting(self, f, numbers):
                value = await asyncio.wait_for(awaitable, None if timeout is None else timeout / TICK)
        except TimeoutError:
            self.log(f.name, "timed out")
            raise self.fail("Timeout") from None
        self.log(f.name, f"waited for {value}")

    async def op_timeout(self, f, a):
        delay = a.get("delay")
        self.log(f.name, f"timeout {'none' if delay is None else delay}")
        depth = len(f.timeouts)
        try:
            seconds = None if delay is None else delay / TICK
            if a.get("at"):
                manager = asyncio.timeout_at(None if delay is None else self.loop.time() + seconds)
            else:
                manager = asyncio.timeout(seconds)
            async with manager as cm:
                f.timeouts.append(cm)
                try:
                    value = await self.block(f, a["ops"])
                finally:
                    del f.timeouts[depth:]
        except TimeoutError:
            self.log(f.name, "timed out")
            raise self.fail("Timeout") from None
        self.log(f.name, "in time")
        return value

    async def op_shield(self, f, item):
        taken = self.take(f, [item])
        if taken is None:
            return
        (awaitable,), _ = taken
        self.log(f.name, "shield")
        value = await asyncio.shield(awaitable)
        self.log(f.name, f"shielded {value}")

    async def op_as_completed(self, f, a):
        taken = self.take(f, a["items"])
        if taken is None:
            return
        awaitables, numbers = taken
        timeout = a.get("timeout")
        self.log(f.name, f"as completed {len(numbers)}")
        for awaitable in asyncio.as_completed(awaitables, timeout=None if timeout is None else timeout / TICK):
            try:
                self.log(f.name, f"completed {await awaitable}")
            except TimeoutError:
                self.log(f.name, "completed Timeout")
            except Fail as exc:
                self.log(f.name, f"completed !{exc.name}")

    async def op_as_completed_stream(self, f, a):
        taken = self.take(f, a["items"])
        if taken is None:
            return
        awaitables, numbers = taken
        timeout = a.get("timeout")
        self.log(f.name, f"as completed {len(numbers)}")
        tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
        try:
            async for task in asyncio.as_completed(tasks, timeout=None if timeout is None else timeout / TICK):
                self.log(f.name, f"completed #{numbers[tasks.index(task)]} {outcome(task)}")
        except TimeoutError:
            self.log(f.name, "completed Timeout")

    async def op_group(self, f, ops):
        self.log(f.name, "group")
        depth = len(f.groups)
        waits = self.waits.setdefault(f.task, [])
        before = len(waits)
        try:
            is_cut = True
            async with Group() as group:
                f.groups.append((group, f.task))
                try:
                    value = await self.block(f, ops)
                    is_cut = False
                finally:
                    del f.groups[depth:]
            if is_cut:
                # By `cancel`: in Rust such a block has no value, so its group is cancelled.
                raise asyncio.CancelledError
        except BaseExceptionGroup as exc:
            for error in exc.exceptions:
                if error.panic:
                    raise error from None  # as a group lets out KeyboardInterrupt
            self.log(f.name, "group failed")
            raise self.fail(exception_name(exc)) from None
        finally:
            del waits[before:]
        self.log(f.name, "group end")
        return value

    async def op_try(self, f, a):
        try:
            return await self.block(f, a["ops"])
        except asyncio.CancelledError as exc:
            handler = a.get("cancelled")
            if handler is None:
                raise
            self.log(f.name, f"caught {cancelled_name(exc)} {asyncio.current_task().cancelling()}")
            value = await self.block(f, handler["ops"])
            if value is not None or not handler["again"]:
                return value
            raise
        except Fail as exc:
            handler = a.get("failed")
            if handler is None:
                raise
            self.log(f.name, f"caught {exc.name} {asyncio.current_task().cancelling()}")
            value = await self.block(f, handler["ops"])
            if value is not None or not handler["again"]:
                return value
            raise

    async def op_finally(self, f, a):
        try:
            return await self.block(f, a["ops"])
        finally:
            self.log(f.name, "finally")
            try:
                await self.block(f, a["cleanup"])
            except Fail as exc:
                # The Rust cleanup has no value to put an error into: what fails in it is a panic.
                raise Fail(exc.name, True) from None
            self.log(f.name, "finally end")

    async def op_lock(self, f, a):
        self.log(f.name, f"lock {a['lock']}")
        async with self.locks[a["lock"]]:
            self.log(f.name, f"locked {a['lock']}")
            value = await self.block(f, a["ops"])
        self.log(f.name, f"unlocked {a['lock']}")
        return value

    async def op_semaphore(self, f, a):
        self.log(f.name, f"semaphore {a['semaphore']}")
        async with self.semaphores[a["semaphore"]]:
            self.log(f.name, f"acquired {a['semaphore']}")
            value = await self.block(f, a["ops"])
        self.log(f.name, f"released {a['semaphore']}")
        return value

    async def op_bounded(self, f, a):
        self.log(f.name, f"bounded {a['semaphore']}")
        async with self.bounded[a["semaphore"]]:
            self.log(f.name, f"bounded acquired {a['semaphore']}")
            value = await self.block(f, a["ops"])
        self.log(f.name, f"bounded released {a['semaphore']}")
        return value

    async def op_bounded_acquire(self, f, n):
        self.log(f.name, f"bounded acquire {n}")
        await self.bounded[n].acquire()
        self.log(f.name, f"bounded acquired {n}")

    async def op_lock_acquire(self, f, n):
        self.log(f.name, f"lock acquire {n}")
        await self.locks[n].acquire()
        self.log(f.name, f"lock acquired {n}")

    async def op_condition_wait_for(self, f, a):
        n = a["condition"]

        def met():
            self.log(f.name, f"condition {n} has {self.notices[n]}")
            return self.notices[n] >= a["notices"]

        self.log(f.name, f"condition {n}")
        async with self.conditions[n]:
            await self.conditions[n].wait_for(met)
            self.log(f.name, f"condition met {n}")

    async def op_condition_wait(self, f, n):
        self.log(f.name, f"condition {n}")
        async with self.conditions[n]:
            self.log(f.name, f"condition wait {n}")
            await self.conditions[n].wait()
            self.log(f.name, f"condition met {n}")

    async def op_condition_notify(self, f, a):
        self.log(f.name, f"condition {a['condition']}")
        async with self.conditions[a["condition"]]:
            self.notices[a["condition"]] += 1
            if a.get("all"):
                self.conditions[a["condition"]].notify_all()
            else:
                self.conditions[a["condition"]].notify(a["count"])
            self.log(f.name, f"condition notify {a['condition']}")
            if a.get("hold") is not None:
                await asyncio.sleep(a["hold"] / TICK)

    async def op_barrier(self, f, n):
        self.log(f.name, f"barrier {n}")
        try:
            self.log(f.name, f"barrier {n} -> {await self.barriers[n].wait()}")
        except asyncio.BrokenBarrierError:
            self.log(f.name, f"barrier {n} broken")

    async def op_barrier_reset(self, f, n):
        await self.barriers[n].reset()
        self.log(f.name, f"barrier {n} reset")

    async def op_barrier_abort(self, f, n):
        await self.barriers[n].abort()
        self.log(f.name, f"barrier {n} abort")

    async def op_event_wait(self, f, n):
        self.log(f.name, f"event wait {n}")
        await self.events[n].wait()
        self.log(f.name, f"event {n}")

    async def op_future_await(self, f, n):
        self.log(f.name, f"future await {n}")
        self.log(f.name, f"future {n} {await self.futures[n]}")

    async def op_put(self, f, a):
        n = a["queue"]
        self.log(f.name, f"put {n}")
        try:
            await self.queues[n].put(f"v{a['value']}")
            self.log(f.name, f"put {n} done")
        except asyncio.QueueShutDown:
            self.log(f.name, f"put {n} shut down")

    async def op_get(self, f, n):
        self.log(f.name, f"get {n}")
        try:
            self.log(f.name, f"get {n} -> {await self.queues[n].get()}")
        except asyncio.QueueShutDown:
            self.log(f.name, f"get {n} shut down")

    async def op_join(self, f, n):
        self.log(f.name, f"join {n}")
        await self.queues[n].join()
        self.log(f.name, f"joined {n}")


def _operations(asynchronous):
    return {
        name[3:]: method
        for name, method in vars(Run).items()
        if name.startswith("op_") and bool(method.__code__.co_flags & 0x80) == asynchronous
    }


NOW = _operations(False)
LATER = _operations(True)


def execute(program):
    loop = VirtualLoop()
    loop.set_exception_handler(lambda loop, context: None)
    run = None
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            run = Run(program, runner.get_loop())
            try:
                end = runner.run(run.main())
            except asyncio.CancelledError:
                end = "Cancelled"
            except Fail as exc:
                end = "!" + exc.name
        run.trace.append(f"end {end}")
        run.ended = True
    except Hang:
        return ([] if run is None else run.trace[:SHOWN]) + [f"CPython has not ended after {LIMIT} s"]
    except KeyboardInterrupt:
        return run.trace + ["given up"]
    except Exception as exc:  # a fault in this file, to be seen as such
        import traceback

        traceback.print_exc()
        return [f"crash {exc!r}"]
    for number in sorted(run.slots):
        slot = run.slots[number]
        run.trace.append(f"s{number} {run.outcome(slot)} {slot.task.cancelling()}")
    for kind in ("lock", "event", "condition", "semaphore", "bounded", "barrier", "queue"):
        things = getattr(run, kind + "s" if kind != "bounded" else kind)
        for number in range(len(things)):
            run.trace.append(f"{kind}({number}) {getattr(run, 'state_of_' + kind)(number)}")
    return run.trace


def in_time(program):
    """The trace of `program`, which must end within the limit."""
    signal.setitimer(signal.ITIMER_REAL, LIMIT, 1)  # again and again: what is cleaned up may not end, either
    try:
        return execute(program)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def hang(signum, frame):
    raise Hang


def keep_message():
    """Has a cancelled future's message survive its first retrieval, whoever that is by."""

    def make(self):
        if self.done() and not self.cancelled():
            # A gather that is cancelled though its last child swallowed that: what CPython finds here is left
            # over from a cancel() that came while the child ran, and nothing from one that came while it waited.
            return asyncio.CancelledError()
        exc = self._cancelled_exc
        args = exc.args if exc is not None else () if self._cancel_message is None else (self._cancel_message,)
        return asyncio.CancelledError(*args)

    asyncio.Future._make_cancelled_error = make


def main():
    signal.signal(signal.SIGALRM, hang)
    normalise()
    if "--pure" in sys.argv:
        keep_message()
    # A coroutine left over from one program may not be collected, and so run, inside the next.
    gc.disable()
    gc.freeze()
    sys.unraisablehook = lambda unraisable: None  # its last words
    warnings.simplefilter("ignore")  # a coroutine that a task group refused was never awaited
    write = sys.stdout.write
    for number, line in enumerate(sys.stdin):
        if number % 16 == 0:
            gc.collect()
        if line == "\n":  # the end of a batch
            sys.stdout.flush()
            continue
        # In a context of its own: what is left over from one program may set variables when it is collected.
        trace = contextvars.Context().run(in_time, json.loads(line))
        write(json.dumps(trace, separators=(",", ":")))
        write("\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
