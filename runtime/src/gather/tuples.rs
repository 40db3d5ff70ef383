//! `gather!` and `try_gather!`: awaitables of different types, and their values in a tuple.

use super::{Gather, expect_error, taken};
use crate::children::Child;
use crate::exceptions::Exception;

/// What [`gather!`](crate::gather!) takes: a tuple of awaitables.
#[doc(hidden)]
pub trait Tuple {
    type Outputs: 'static;
    fn gather(self) -> Gather<Self::Outputs>;
}

/// What [`try_gather!`](crate::try_gather!) takes: a tuple of awaitables that give results.
#[doc(hidden)]
pub trait TryTuple<E> {
    type Outputs: 'static;
    fn try_gather(self) -> Gather<Result<Self::Outputs, E>>;
}

macro_rules! tuples {
    ($($name:ident $value:ident $index:tt),+) => {
        impl<$($name),+> Tuple for ($($name,)+)
        where
            $($name: IntoFuture<IntoFuture: 'static, Output: 'static>,)+
        {
            type Outputs = ($($name::Output,)+);

            #[track_caller]
            fn gather(self) -> Gather<Self::Outputs> {
                let tasks = ($(Child::of(self.$index),)+);
                let children = vec![$(tasks.$index.any()),+];
                Gather::new(tasks, children, None, |tasks: &($(Child<$name::Output>,)+), _| {
                    ($(taken(&tasks.$index),)+)
                })
            }
        }

        impl<E: 'static, $($name, $value: 'static),+> TryTuple<E> for ($($name,)+)
        where
            $($name: IntoFuture<IntoFuture: 'static, Output = Result<$value, E>>,)+
        {
            type Outputs = ($($value,)+);

            #[track_caller]
            fn try_gather(self) -> Gather<Result<Self::Outputs, E>> {
                let tasks = ($(Child::of(self.$index),)+);
                let children = vec![$(tasks.$index.any()),+];
                type Tasks<E, $($value),+> = ($(Child<Result<$value, E>>,)+);
                let is_error = |tasks: &Tasks<E, $($value),+>, index: usize| match index {
                    $($index => tasks.$index.gave_error(),)+
                    _ => false,
                };
                Gather::new(tasks, children, Some(is_error), |tasks, first_error| {
                    $(if first_error == Some($index) {
                        return Err(expect_error(taken(&tasks.$index)));
                    })+
                    Ok(($(taken(&tasks.$index)?,)+))
                })
            }
        }

        impl<$($value: 'static),+> Gather<($($value,)+)> {
            /// Gives failures as results: Python's `return_exceptions=True`.
            #[must_use]
            pub fn return_exceptions(self) -> Gather<($(Result<$value, Exception>,)+)> {
                self.collected(|tasks: &($(Child<$value>,)+)| ($(tasks.$index.take_result(),)+))
            }
        }
    };
}

tuples!(A TA 0);
tuples!(A TA 0, B TB 1);
tuples!(A TA 0, B TB 1, C TC 2);
tuples!(A TA 0, B TB 1, C TC 2, D TD 3);
tuples!(A TA 0, B TB 1, C TC 2, D TD 3, F TF 4);
tuples!(A TA 0, B TB 1, C TC 2, D TD 3, F TF 4, G TG 5);
tuples!(A TA 0, B TB 1, C TC 2, D TD 3, F TF 4, G TG 5, H TH 6);
tuples!(A TA 0, B TB 1, C TC 2, D TD 3, F TF 4, G TG 5, H TH 6, I TI 7);
tuples!(A TA 0, B TB 1, C TC 2, D TD 3, F TF 4, G TG 5, H TH 6, I TI 7, J TJ 8);
tuples!(A TA 0, B TB 1, C TC 2, D TD 3, F TF 4, G TG 5, H TH 6, I TI 7, J TJ 8, K TK 9);
tuples!(A TA 0, B TB 1, C TC 2, D TD 3, F TF 4, G TG 5, H TH 6, I TI 7, J TJ 8, K TK 9, L TL 10);
tuples!(A TA 0, B TB 1, C TC 2, D TD 3, F TF 4, G TG 5, H TH 6, I TI 7, J TJ 8, K TK 9, L TL 10, M TM 11);

/// As [`gather`](crate::gather()), for up to twelve awaitables of different types: gives a tuple.
///
/// ```
/// # asyncio::run(async {
/// let (n, text) = asyncio::gather!(async { 42 }, async { "text" }).await;
/// assert_eq!((n, text), (42, "text"));
/// # });
/// ```
#[macro_export]
macro_rules! gather {
    ($($awaitable:expr),+ $(,)?) => {
        $crate::__private::Tuple::gather(($($awaitable,)+))
    };
}

/// As [`try_gather`](crate::try_gather()), for up to twelve awaitables of different types.
///
/// ```
/// # asyncio::run(async {
/// let both: Result<(i32, i32), std::num::ParseIntError> =
///     asyncio::try_gather!(async { "1".parse() }, async { "2".parse() }).await;
/// assert_eq!(both, Ok((1, 2)));
/// # });
/// ```
#[macro_export]
macro_rules! try_gather {
    ($($awaitable:expr),+ $(,)?) => {
        $crate::__private::TryTuple::try_gather(($($awaitable,)+))
    };
}
