#!/usr/bin/env python3
"""Records what CPython prints for the programs beside this file.

    record.py [NAME...]            writes recorded/NAME.txt (of all programs if none is named)
    record.py --check [NAME...]    only says where a recording differs
    record.py --real-time ...      really sleeps, instead of running on a virtual clock

A program says in its first lines, as `uv` and `pipx` read them, which versions of Python run it
(`requires-python`): those on generator-based coroutines run on 3.8, the others on 3.13. Both are
looked for on the PATH and in pyenv. One with threads or processes has a comment there that says
`real time`: they do not wait for a virtual clock. A recording holds what a terminal shows, standard output and
standard error together; its first line says which version made it.
"""

import argparse
import difflib
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
RECORDED = HERE / "recorded"
TOOLS = {"record", "virtual_clock"}
# These talk with the programs in Rust: tests run them.
PEERS = {"cache_client", "cache_server", "chat", "fetch_all", "tcp_echo", "udp_echo"}
OLD, NEW = "3.8", "3.13"
ASK_VERSION = "import platform; print(platform.python_version())"


def interpreters():
    """The path and the exact version of an interpreter for each of the two versions."""
    found = {}
    for wanted in (OLD, NEW):
        for path in candidates(wanted):
            answer = subprocess.run([path, "-c", ASK_VERSION], capture_output=True, text=True)
            version = answer.stdout.strip()
            if answer.returncode == 0 and version.startswith(wanted + "."):
                found[wanted] = path, version
                break
    return found


def candidates(version):
    if path := shutil.which(f"python{version}"):
        yield path
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True)
        versions = pathlib.Path(root.stdout.strip(), "versions")
        yield from map(str, sorted(versions.glob(f"{version}.*/bin/python")))


def wanted_version(program):
    """3.13 where the program's `requires-python` allows it, else 3.8."""
    requires = re.search(r'^# requires-python = "([^"]*)"$', program.read_text(), re.MULTILINE)
    if not requires:
        sys.exit(f"{program.name} does not say which Python it requires")
    ends = re.search(r"<3\.(\d+)", requires[1])
    return OLD if ends and int(ends[1]) <= 13 else NEW


def output(program, python, real_time):
    command = [python, "-u", "-W", "ignore::DeprecationWarning"]
    if not real_time and not re.search(r"^# .* in real time\.$", program.read_text(), re.MULTILINE):
        command.append(HERE / "virtual_clock.py")
    command.append(program.name)
    result = subprocess.run(
        command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if result.returncode != 0:
        sys.exit(f"{program.name} failed:\n{result.stdout}")
    return meaning(result.stdout)


def meaning(text):
    """The output without what differs from run to run and between the languages.

    The same rules are applied to what the Rust programs print: see `meaning` in src/recordings.rs.
    """
    # Of a slow task, the coroutine and the tenths of a second: not its line, nor what of the event
    # loop is in its repr.
    text = re.sub(r"(coro=<\w+\(\)) .* (took \d+\.\d)\d*", r"\1 ...> \2", text)
    # A time of day becomes the seconds since the first one that is shown.
    first = None

    def elapsed(match):
        nonlocal first
        hours, minutes, seconds = map(int, match[0].split(":"))
        now = hours * 3600 + minutes * 60 + seconds
        first = now if first is None else first
        return f"+{(now - first) % 86400} s"

    return re.sub(r"\b\d\d:\d\d:\d\d\b", elapsed, text)


def main():
    arguments = argparse.ArgumentParser(usage=__doc__)
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--real-time", action="store_true")
    arguments = arguments.parse_args()

    names = arguments.names or sorted({path.stem for path in HERE.glob("*.py")} - TOOLS - PEERS)
    pythons = interpreters()
    differences = 0
    for name in names:
        program = HERE / f"{name}.py"
        version = wanted_version(program)
        if version not in pythons:
            sys.exit(f"{name} needs Python {version}, which is neither on the PATH nor in pyenv")
        path, exact = pythons[version]
        text = output(program, path, arguments.real_time)
        recording = RECORDED / f"{name}.txt"
        if not arguments.check:
            recording.write_text(f"recorded by CPython {exact}\n{text}")
            print(f"{name}: {exact}")
            continue
        recorded = recording.read_text().splitlines()[1:]
        for line in difflib.unified_diff(recorded, text.splitlines(), str(recording), exact, lineterm=""):
            differences += 1
            print(line)
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
