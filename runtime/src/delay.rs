//! A delay: a [`Duration`], or a number of seconds as in Python.

use std::time::Duration;

/// A span of time: a [`Duration`], or a number of seconds of any width.
///
/// A negative number counts as zero, as in Python.
///
/// # Panics
///
/// The functions that take a delay panic when it is NaN, with CPython's words.
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// asyncio::sleep(1).await;
/// asyncio::sleep(0.5).await;
/// asyncio::sleep(std::time::Duration::from_millis(20)).await;
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "a delay is a number of seconds or a `Duration`, and `{Self}` is neither",
    label = "not a delay",
    note = "`1`, `0.5`, `Duration::from_millis(20)`"
)]
pub trait Delay {
    /// The delay in seconds.
    fn as_seconds(&self) -> f64;
}

impl Delay for Duration {
    fn as_seconds(&self) -> f64 {
        self.as_secs_f64()
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Delay for $number {
            fn as_seconds(&self) -> f64 {
                *self as f64
            }
        }
    )*};
}
numbers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

/// A time-out: a [`Delay`], or an [`Option`] of one where Python takes `None`.
///
/// ```
/// # asyncio::run(async {
/// assert_eq!(asyncio::wait_for(async { 42 }, 1.5).await, Ok(42));
/// assert_eq!(asyncio::wait_for(async { 42 }, None::<f64>).await, Ok(42));
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "a time-out is a number of seconds or a `Duration`, or an `Option` of one, and `{Self}` is none",
    label = "not a time-out",
    note = "`1`, `0.5`, `Duration::from_millis(20)`, `Some(1)`; without end: `None::<f64>`"
)]
pub trait Timeout {
    /// The time-out in seconds; `None` never ends.
    #[track_caller]
    fn as_timeout(&self) -> Option<f64>;
}

#[diagnostic::do_not_recommend]
impl<D: Delay> Timeout for D {
    #[track_caller]
    fn as_timeout(&self) -> Option<f64> {
        Some(seconds(self))
    }
}

#[diagnostic::do_not_recommend]
impl<D: Delay> Timeout for Option<D> {
    #[track_caller]
    fn as_timeout(&self) -> Option<f64> {
        Some(seconds(self.as_ref()?))
    }
}

/// The delay in seconds, refusing NaN.
#[track_caller]
pub(crate) fn seconds(delay: &impl Delay) -> f64 {
    let seconds = delay.as_seconds();
    assert!(!seconds.is_nan(), "Invalid delay: NaN (not a number)");
    seconds
}

/// For the clocks of the standard library, which know neither negative nor endless spans.
pub(crate) fn duration(seconds: f64) -> Duration {
    const LONGEST: f64 = 1e9;
    Duration::from_secs_f64(seconds.clamp(0.0, LONGEST))
}
