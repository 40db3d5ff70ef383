//! The example prints what CPython printed for the program it was ported from.

use examples::recordings::assert_prints_what_cpython_printed;

#[test]
fn database_coroutine_prints_what_cpython_printed() {
    assert_prints_what_cpython_printed("database_coroutine");
}
