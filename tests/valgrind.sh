#!/bin/sh
# Runs the tests of the runtime, of the language and of this package under valgrind's memcheck: nothing that is freed is touched, and
# nothing is lost. `tests/valgrind.sh [NAME ..]` takes only the test binaries whose names begin with one of NAME.
#
# Left out: what valgrind is too slow for (load, the interleavings of mailbox), the interleavings of count and bell (memcheck does not
# follow the stacks that loom changes between), what measures the process it is in (descriptors), and what starts
# other programs (their memory is not ours). Of the tests of the language, those that say what compiles are not for valgrind.
set -u
cd "$(dirname "$0")/.." || exit 1

# Loops keep no blocks of tasks: what uses a task that is gone touches what is freed.
RUSTFLAGS="${RUSTFLAGS:-} --cfg valgrind"
export RUSTFLAGS

# Tests that forget something on purpose, with `mem::forget`: that is lost indeed.
forgets="--skip a_stolen_word_that_is_dropped_yields_nothing
    --skip a_started_generator_may_be_forgotten_and_moved_between_threads
    --skip what_is_forgotten_in_a_line_is_no_harm --skip guards_may_be_forgotten_and_outlive_their_loop"

suppressions=$PWD/tests/valgrind.supp
report=$(mktemp)
trap 'rm -f "$report"' EXIT
failed=0

binaries=$(cargo test -p asyncio -p tests -p language --lib --tests --no-run 2>&1 | sed -n 's/^  Executable .*(\(.*\))$/\1/p')
test -n "$binaries" || { echo "the tests do not build"; exit 1; }

for binary in $binaries; do
    name=$(basename "$binary" | sed 's/-[0-9a-f]*$//')
    case $name in
        compile_fail | rust_analyzer | expansion_lints | sizes) continue ;;
        load | mailbox | count | bell | descriptor_exhaustion | subprocess | cpython_subprocess | cpython_table | ctrl_c) continue ;;
    esac
    if [ $# -gt 0 ]; then
        wanted=no
        for prefix in "$@"; do
            case $name in "$prefix"*) wanted=yes ;; esac
        done
        [ $wanted = yes ] || continue
    fi
    folder=tests
    [ -e "runtime/tests/$name.rs" ] && folder=runtime
    [ -e "tests/language/tests/$name.rs" ] && folder=tests/language
    [ -d "tests/language/tests/$name" ] && folder=tests/language
    # The assembly that encrypts: memcheck takes the tags that it makes for bytes that were never written.
    undefined=yes
    [ "$name" = tls ] && undefined=no
    # One test after the other: valgrind runs one thread at a time, and a spinning one would starve the rest.
    # shellcheck disable=SC2086 # several words
    if (cd $folder && valgrind --quiet --error-exitcode=99 --fair-sched=yes --leak-check=full \
        --errors-for-leak-kinds=definite --show-leak-kinds=definite \
        --undef-value-errors=$undefined --suppressions="$suppressions" \
        "$binary" --test-threads=1 --skip agree --skip rust_analyzer $forgets) >"$report" 2>&1; then
        echo "$name: $(sed -n 's/^test result: //p' "$report")"
    else
        echo "$name: FAILED"
        cat "$report"
        failed=1
    fi
done
exit $failed
