#!/usr/bin/env python3
"""Records what CPython prints for every paired program: `python3 record.py [NAME ...]`.

A program whose first line is `# CPython 3.8` is one of generator-based coroutines and is run by that release,
all others by 3.13. The interpreters are found on PATH or asked of pyenv.
"""

import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
TOOLS = {"paired", "record"}


def interpreter(release):
    for name in (f"python{release}", "python3"):
        path = shutil.which(name)
        if path and said(path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])") == release:
            return path
    for version in (said("pyenv", "versions", "--bare") or "").split():
        if version.startswith(release + "."):
            return said("pyenv", "prefix", version) + "/bin/python"
    sys.exit(f"no CPython {release} on PATH or under pyenv")


def said(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def main(names):
    found = {}
    programs = sorted(path for path in HERE.glob("*.py") if path.stem not in TOOLS)
    for program in programs:
        if names and program.stem not in names:
            continue
        old = program.read_text().startswith("# CPython 3.8")
        release = "3.8" if old else "3.13"
        if release not in found:
            found[release] = interpreter(release)
        done = subprocess.run(
            [found[release], "-W", "ignore", program], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            sys.exit(f"{program.name}: {done.stderr}")
        program.with_suffix(".out").write_text(done.stdout)
    print(len(programs), "programs")


main(sys.argv[1:])
