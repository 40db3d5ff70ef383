//! Several errors at once.

use std::fmt;

/// Several errors at once: what [`TaskGroup::try_run`](crate::TaskGroup::try_run) fails with.
///
/// Mirrors `ExceptionGroup`.
///
/// ```
/// # asyncio::run(async {
/// let failed = asyncio::TaskGroup::try_run(async |group| {
///     group.create_task(async { Err::<(), _>("no ink") });
///     group.create_task(async { Err::<(), _>("no paper") });
///     Ok(())
/// });
/// let group = failed.await.unwrap_err();
/// assert_eq!(group.exceptions, ["no ink", "no paper"]);
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionGroup<E> {
    /// What went wrong.
    pub message: String,
    /// The errors, in the order in which they came.
    pub exceptions: Vec<E>,
}

impl<E> ExceptionGroup<E> {
    /// The errors that meet the condition, and the others, each as a group of its own; none where
    /// there would be an empty one.
    ///
    /// ```
    /// let group = asyncio::ExceptionGroup {
    ///     message: "some failed".to_owned(),
    ///     exceptions: vec![1, 2, 3],
    /// };
    /// let (even, odd) = group.split(|n| n % 2 == 0);
    /// assert_eq!(even.unwrap().exceptions, [2]);
    /// assert_eq!(odd.unwrap().exceptions, [1, 3]);
    /// ```
    pub fn split(self, condition: impl FnMut(&E) -> bool) -> (Option<Self>, Option<Self>) {
        let message = self.message;
        let (yes, no): (Vec<E>, Vec<E>) = self.exceptions.into_iter().partition(condition);
        let group = |exceptions: Vec<E>| {
            (!exceptions.is_empty()).then(|| Self {
                message: message.clone(),
                exceptions,
            })
        };
        (group(yes), group(no))
    }

    /// The errors that meet the condition.
    ///
    /// Mirrors `ExceptionGroup.subgroup`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let failed = asyncio::TaskGroup::try_run(async |tg| {
    ///     tg.create_task(async { Err::<(), _>(1) });
    ///     tg.create_task(async { Err::<(), _>(2) });
    ///     Ok(())
    /// })
    /// .await;
    /// let even = failed.unwrap_err().subgroup(|error| error % 2 == 0).unwrap();
    /// assert_eq!(even.exceptions.len(), 1);
    /// # });
    /// ```
    pub fn subgroup(self, condition: impl FnMut(&E) -> bool) -> Option<Self> {
        self.split(condition).0
    }
}

impl<E> fmt::Display for ExceptionGroup<E> {
    /// As Python's: `unhandled errors in a TaskGroup (2 sub-exceptions)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.exceptions.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{} ({count} sub-exception{plural})", self.message)
    }
}

impl<E: fmt::Debug> std::error::Error for ExceptionGroup<E> {}
