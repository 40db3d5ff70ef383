# /// script
# requires-python = ">=3.8"
# ///
"""What an event loop is: a list of tasks, those that are ready, those that are done, until none is left.

Here a task is a generator that yields how many turns it wants to sleep.
"""


def task(name, naps):
    for nap in naps:
        print(f"  {name} sleeps {nap}")
        yield nap
    return f"{name} slept {sum(naps)}"


def run(tasks):
    turn = 0
    waiting = [(0, task) for task in tasks]
    while waiting:
        ready = [task for wake_at, task in waiting if wake_at <= turn]
        waiting = [(wake_at, task) for wake_at, task in waiting if wake_at > turn]
        done = []
        print(f"turn {turn}: {len(ready)} ready")
        for task in ready:
            try:
                nap = next(task)
                waiting.append((turn + nap, task))
            except StopIteration as stop:
                done.append(stop.value)
        for result in done:
            print(f"  done: {result}")
        turn += 1
    print(f"no task left after {turn} turns")


run([task("cat", [2, 1]), task("dog", [1, 1, 1]), task("owl", [4])])
