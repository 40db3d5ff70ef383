//! The examples print what CPython printed for the programs they were ported from.

use examples::recordings::assert_prints_what_cpython_printed;

#[test]
fn database_prints_what_cpython_printed() {
    assert_prints_what_cpython_printed("database");
}

#[test]
fn database_coroutine_prints_what_cpython_printed() {
    assert_prints_what_cpython_printed("database_coroutine");
}
