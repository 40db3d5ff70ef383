//! Python's exceptions, as values.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// The task was cancelled.
///
/// It is raised by unwinding the awaits of a task, see [`catch_cancelled`](crate::catch_cancelled);
/// it leaves [`run`](crate::run) as the payload of a panic.
///
/// Mirrors `asyncio.CancelledError`.
///
/// ```
/// # asyncio::run(async {
/// let nap = asyncio::create_task(asyncio::sleep(3600));
/// asyncio::sleep(0).await;
/// nap.cancel_with("enough");
/// let error = asyncio::catch_cancelled(nap).await.unwrap_err();
/// assert_eq!(error.message(), Some("enough"));
/// # });
/// ```
#[doc(alias = "JoinError")]
#[derive(Clone)]
pub struct CancelledError {
    message: Option<Arc<str>>,
    raised_at: &'static Location<'static>,
}

impl CancelledError {
    /// An error without a message.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let error = asyncio::CancelledError::new();
    /// assert_eq!(error.message(), None);
    /// # });
    /// ```
    #[track_caller]
    pub fn new() -> Self {
        Self {
            message: None,
            raised_at: Location::caller(),
        }
    }

    /// An error with the message that `cancel_with` was given.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let error = asyncio::CancelledError::with_message("enough");
    /// assert_eq!(error.message(), Some("enough"));
    /// # });
    /// ```
    #[track_caller]
    pub fn with_message(message: impl Into<Arc<str>>) -> Self {
        Self {
            message: Some(message.into()),
            raised_at: Location::caller(),
        }
    }

    pub(crate) fn raised_at(
        raised_at: &'static Location<'static>,
        message: Option<Arc<str>>,
    ) -> Self {
        Self { message, raised_at }
    }

    pub(crate) fn into_message(self) -> Option<Arc<str>> {
        self.message
    }

    /// The same where CPython passes a cancellation on without what was said.
    pub(crate) fn without_message(&self) -> Self {
        Self {
            message: None,
            raised_at: self.raised_at,
        }
    }

    /// What [`cancel_with`](crate::Task::cancel_with) said.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let task = asyncio::create_task(async {
    ///     let error = asyncio::catch_cancelled(asyncio::sleep(1)).await.unwrap_err();
    ///     assert_eq!(error.message(), Some("enough"));
    /// });
    /// asyncio::sleep(0).await;
    /// task.cancel_with("enough");
    /// task.await;
    /// # });
    /// ```
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The `cancel()` that this error comes from.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(asyncio::sleep(3600));
    /// task.cancel();
    /// let error = asyncio::catch_cancelled(task).await.unwrap_err();
    /// assert!(error.location().file().ends_with(".rs"));
    /// # });
    /// ```
    pub fn location(&self) -> &'static Location<'static> {
        self.raised_at
    }
}

impl Default for CancelledError {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelledError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "CancelledError({message:?})"),
            None => f.write_str("CancelledError()"),
        }
    }
}

impl fmt::Display for CancelledError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().unwrap_or("the task was cancelled"))
    }
}

impl std::error::Error for CancelledError {}

impl CancelledError {
    /// Panics with it: where no task runs, and at the end of a run whose main task was cancelled.
    pub(crate) fn panic(self) -> ! {
        self.panic_telling(None)
    }

    /// Panics with it, as the result was asked for of what was cancelled.
    #[track_caller]
    pub(crate) fn panic_as_asked(self) -> ! {
        self.panic_telling(Some(Location::caller()))
    }

    /// The panic hook, which would only know that the payload is something, is told in words.
    fn panic_telling(self, asked: Option<&Location<'_>>) -> ! {
        let said = std::panic::catch_unwind(|| {
            let message = self.message().map(|it| format!(": {it}"));
            let asked = asked.map(|it| format!(", its result asked for at {it}"));
            panic!(
                "CancelledError{} (raised at {}{})",
                message.unwrap_or_default(),
                self.location(),
                asked.unwrap_or_default()
            );
        });
        drop(said);
        std::panic::resume_unwind(Box::new(self))
    }
}

/// Ctrl-C: the payload of the panic with which [`run`](crate::run) ends when it was interrupted.
///
/// Mirrors `KeyboardInterrupt`.
///
/// A task or a callback that panics with it ends the loop as Ctrl-C does.
///
/// ```
/// let interrupted = std::panic::catch_unwind(|| {
///     asyncio::run(async {
///         asyncio::create_task(async { std::panic::panic_any(asyncio::KeyboardInterrupt) });
///         asyncio::sleep(3600).await;
///     })
/// });
/// assert!(interrupted.unwrap_err().is::<asyncio::KeyboardInterrupt>());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyboardInterrupt;

impl fmt::Display for KeyboardInterrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyboardInterrupt")
    }
}

impl std::error::Error for KeyboardInterrupt {}

/// A time-out ran out. Mirrors `TimeoutError`.
///
/// ```
/// fn read(ran_out: Result<u32, asyncio::TimeoutError>) -> std::io::Result<u32> {
///     Ok(ran_out?)
/// }
/// let error = read(Err(asyncio::TimeoutError)).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeoutError;

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl std::error::Error for TimeoutError {}

impl From<TimeoutError> for std::io::Error {
    fn from(error: TimeoutError) -> Self {
        std::io::Error::new(std::io::ErrorKind::TimedOut, error)
    }
}

/// How a task ended, other than with a value.
///
/// What [`Task::exception`](crate::Task::exception) and
/// [`Gather::return_exceptions`](crate::Gather::return_exceptions) give.
///
/// ```
/// # asyncio::run(async {
/// use asyncio::Exception;
///
/// let task = asyncio::create_task(async { panic!("out of paper") });
/// let results = asyncio::gather([task]).return_exceptions().await;
/// match results[0].as_ref() {
///     Err(Exception::Panic(panic)) => assert_eq!(panic.message(), "out of paper"),
///     Err(Exception::CancelledError(_)) => unreachable!("nobody cancelled it"),
///     Ok(()) => unreachable!("it panicked"),
/// }
/// # });
/// ```
#[derive(Clone, Debug)]
pub enum Exception {
    /// It was cancelled.
    CancelledError(CancelledError),
    /// It panicked.
    Panic(Panic),
}

impl Exception {
    /// The message of the panic, or of the `cancel_with`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let task = asyncio::create_task(asyncio::sleep(1));
    /// task.cancel_with("enough");
    /// asyncio::wait([task.clone()]).await;
    /// assert_eq!(task.any().exception().unwrap().message(), "enough");
    /// # });
    /// ```
    pub fn message(&self) -> &str {
        match self {
            Exception::CancelledError(error) => error.message().unwrap_or_default(),
            Exception::Panic(panic) => panic.message(),
        }
    }

    /// Whether it is a cancellation.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let task = asyncio::create_task(asyncio::sleep(1));
    /// task.cancel();
    /// let results = asyncio::gather([task]).return_exceptions().await;
    /// assert!(results[0].as_ref().unwrap_err().is_cancelled());
    /// # });
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Exception::CancelledError(_))
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exception::CancelledError(error) => error.fmt(f),
            Exception::Panic(panic) => panic.fmt(f),
        }
    }
}

impl std::error::Error for Exception {}

/// A panic that a task ended with: what Python's exception in a task is.
///
/// Its payload is re-raised in the first who awaits the task; later ones get its message.
///
/// ```
/// # asyncio::run(async {
/// let task = asyncio::create_task(async { panic!("out of paper") });
/// asyncio::sleep(0).await;
/// let Some(asyncio::Exception::Panic(panic)) = task.exception() else { unreachable!() };
/// assert_eq!(panic.message(), "out of paper");
/// # });
/// ```
#[derive(Clone)]
pub struct Panic {
    message: Arc<str>,
    payload: std::rc::Rc<RefCell<Option<Box<dyn Any + Send>>>>,
}

impl Panic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        let shown;
        let message: &str = if let Some(text) = payload.downcast_ref::<&str>() {
            text
        } else if let Some(text) = payload.downcast_ref::<String>() {
            text
        } else if payload.is::<KeyboardInterrupt>() {
            "KeyboardInterrupt"
        } else if let Some(error) = payload.downcast_ref::<CancelledError>() {
            shown = format!("{error:?}");
            &shown
        } else {
            "a panic with a payload that is no text"
        };
        Self {
            message: message.into(),
            payload: std::rc::Rc::new(RefCell::new(Some(payload))),
        }
    }

    /// What stands for the `Err` that a task ended with where only a panic can.
    pub(crate) fn said(message: String) -> Self {
        Self::new(Box::new(message))
    }

    /// What the panic said.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let task = asyncio::create_task(async { panic!("a bad sum") });
    /// asyncio::wait([task.clone()]).await;
    /// let Some(asyncio::Exception::Panic(panic)) = task.any().exception() else {
    ///     unreachable!()
    /// };
    /// assert_eq!(panic.message(), "a bad sum");
    /// # });
    /// ```
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Takes the payload; the first to ask gets it.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let task = asyncio::create_task(async { panic!("a bad sum") });
    /// asyncio::wait([task.clone()]).await;
    /// let Some(asyncio::Exception::Panic(panic)) = task.any().exception() else {
    ///     unreachable!()
    /// };
    /// let payload = panic.take_payload().unwrap();
    /// assert_eq!(*payload.downcast::<&str>().unwrap(), "a bad sum");
    /// assert!(panic.take_payload().is_none());
    /// # });
    /// ```
    pub fn take_payload(&self) -> Option<Box<dyn Any + Send>> {
        self.payload.borrow_mut().take()
    }

    /// Whether the payload (if nobody took it yet) is a `P`.
    pub(crate) fn is<P: Any>(&self) -> bool {
        self.payload.borrow().as_ref().is_some_and(|p| p.is::<P>())
    }

    /// Panics again: with the payload the first time, with its message after.
    ///
    /// # Panics
    ///
    /// Always.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let task = asyncio::create_task(async { panic!("a bad sum") });
    /// asyncio::wait([task.clone()]).await;
    /// let Some(asyncio::Exception::Panic(panic)) = task.exception() else {
    ///     unreachable!()
    /// };
    /// let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| panic.resume()));
    /// assert_eq!(*again.unwrap_err().downcast::<&str>().unwrap(), "a bad sum");
    /// # });
    /// ```
    pub fn resume(&self) -> ! {
        let payload = self
            .take_payload()
            .unwrap_or_else(|| Box::new(String::from(&*self.message)));
        std::panic::resume_unwind(payload)
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Panic({:?})", self.message)
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl std::error::Error for $name {}
    )*};
}

errors! {
    /// The barrier was reset or aborted. Mirrors `asyncio.BrokenBarrierError`.
    BrokenBarrierError = "the barrier is broken";
    /// `get_nowait` found nothing. Mirrors `asyncio.QueueEmpty`.
    QueueEmpty = "the queue is empty";
    /// The queue was shut down. Mirrors `asyncio.QueueShutDown`.
    QueueShutDown = "the queue was shut down";
}

/// `put_nowait` found no room; the item comes back. Mirrors `asyncio.QueueFull`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull<T>(pub T);

impl<T> fmt::Display for QueueFull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is full")
    }
}

impl<T: fmt::Debug> std::error::Error for QueueFull<T> {}

/// The stream ended before there was enough. Mirrors `asyncio.IncompleteReadError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncompleteReadError {
    /// What there was.
    pub partial: Vec<u8>,
    /// How much was asked for; none when it was until a separator.
    pub expected: Option<usize>,
}

impl fmt::Display for IncompleteReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes read on a total of ", self.partial.len())?;
        match self.expected {
            Some(expected) => write!(f, "{expected} expected bytes"),
            None => f.write_str("undefined expected bytes"),
        }
    }
}

impl std::error::Error for IncompleteReadError {}

/// There is more before the separator than the limit allows. Mirrors `asyncio.LimitOverrunError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitOverrunError {
    pub(crate) message: &'static str,
    /// How many bytes may be read without coming to a separator.
    pub consumed: usize,
}

impl fmt::Display for LimitOverrunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for LimitOverrunError {}

/// Why [`readexactly`](crate::StreamReader::readexactly) or
/// [`readuntil`](crate::StreamReader::readuntil) gave nothing. It converts into an
/// [`io::Error`](std::io::Error), so that `?` takes it.
#[derive(Debug)]
pub enum ReadError {
    /// The stream ended before.
    IncompleteRead(IncompleteReadError),
    /// The separator did not come within the limit.
    LimitOverrun(LimitOverrunError),
    /// The connection was lost.
    Io(std::io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::IncompleteRead(error) => error.fmt(f),
            ReadError::LimitOverrun(error) => error.fmt(f),
            ReadError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<std::io::Error> for ReadError {
    fn from(error: std::io::Error) -> Self {
        ReadError::Io(error)
    }
}

impl From<ReadError> for std::io::Error {
    fn from(error: ReadError) -> Self {
        use std::io::{Error, ErrorKind};
        match error {
            ReadError::IncompleteRead(error) => Error::new(ErrorKind::UnexpectedEof, error),
            ReadError::LimitOverrun(error) => Error::new(ErrorKind::InvalidData, error),
            ReadError::Io(error) => error,
        }
    }
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<CancelledError>();
};
