//! Ctrl-C.
//!
//! As in Python, only `run` and `Runner` take it, only on the program's main thread, and only
//! while nobody else handles it: the first one cancels the main task, so that the program can clean
//! up; the second one ends the loop at once with a [`KeyboardInterrupt`]. A loop that is stuck in
//! blocking work and takes in neither does not keep the program from being ended.

#[cfg(unix)]
use std::io::{self, Read};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::panic::{Location, panic_any, resume_unwind};
#[cfg(unix)]
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
#[cfg(unix)]
use std::task::{self, Poll};

#[cfg(unix)]
use async_io::Async;
#[cfg(unix)]
use futures_io::AsyncRead;
#[cfg(unix)]
use signal_hook::{SigId, low_level};

#[cfg(unix)]
use crate::Signal;
use crate::contextvars::Context;
use crate::event_loop::EventLoop;
use crate::event_loop::remote::Message;
use crate::exceptions::{CancelledError, KeyboardInterrupt};
use crate::tasks::{TaskKey, TaskRef};

/// The status with which a shell shows that a program was interrupted.
const INTERRUPTED: i32 = 130;

/// The run that Ctrl-C is for.
#[derive(Clone)]
struct Target {
    main: TaskKey,
    interrupts: Arc<Interrupts>,
}

#[derive(Default)]
struct Interrupts {
    count: AtomicU32,
    /// Whether the loop has taken the first one in.
    is_taken: AtomicBool,
}

fn target() -> MutexGuard<'static, Option<Target>> {
    static TARGET: Mutex<Option<Target>> = Mutex::new(None);
    TARGET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `main`, which the first Ctrl-C cancels.
pub(crate) fn with_ctrl_c<F: Future>(
    event_loop: &EventLoop,
    main: F,
    called_at: &'static Location<'static>,
    context: &Context,
) -> F::Output {
    // One way for both, as all of it is there for each type of main.
    let is_ours = std::thread::current().name() == Some("main") && is_handled();
    let interrupts = Arc::<Interrupts>::default();
    let mut task = None;
    let aimed = is_ours.then_some(Aimed);
    let ended = event_loop.run_main(main, called_at, context, |main| {
        if is_ours {
            *target() = Some(Target {
                main: main.key(),
                interrupts: interrupts.clone(),
            });
            task = Some(main.clone());
        }
    });
    drop(aimed);
    match ended {
        Ok(value) => value,
        Err(cancelled) => {
            let interrupted = interrupts.count.load(Ordering::SeqCst) > 0
                && task.is_some_and(|task: TaskRef| task.core().cancellation.uncancel() == 0);
            if interrupted {
                panic_quietly(KeyboardInterrupt)
            }
            panic_any(cancelled)
        }
    }
}

/// Ctrl-C is how the program was meant to end: no message of the panic hook's.
fn panic_quietly(interrupt: KeyboardInterrupt) -> ! {
    resume_unwind(Box::new(interrupt))
}

/// Takes the aim back when the run is over.
struct Aimed;

impl Drop for Aimed {
    fn drop(&mut self) {
        let old = target().take();
        drop(old);
    }
}

/// Whether Ctrl-C comes to us; not when the program handles it itself.
fn is_handled() -> bool {
    static HANDLED: OnceLock<bool> = OnceLock::new();
    *HANDLED.get_or_init(|| listen().is_ok())
}

/// Has [`on_ctrl_c`] called for each.
#[cfg(unix)]
fn listen() -> io::Result<()> {
    if !is_by_default(libc::SIGINT) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let (mut arrivals, pipe) = UnixStream::pair()?;
    low_level::pipe::register(libc::SIGINT, pipe)?;
    let listener = move || {
        while arrivals.read_exact(&mut [0]).is_ok() {
            on_ctrl_c();
        }
    };
    let thread = std::thread::Builder::new().name("ctrl-c".into());
    thread.spawn(listener).map(drop)
}

#[cfg(not(unix))]
fn listen() -> Result<(), ctrlc::Error> {
    ctrlc::try_set_handler(on_ctrl_c)
}

/// Whether nobody handles a signal, nor has it ignored.
#[cfg(unix)]
fn is_by_default(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is set; the present action is written to a place that has room for it.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: all of it is numbers, and an address that may be null.
    let action = unsafe { action.assume_init() };
    asked == 0 && action.sa_sigaction == libc::SIG_DFL
}

/// How many loops have a handler of their own for it.
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// Ctrl-C goes to a handler that a loop was given, until this is dropped.
#[cfg(unix)]
pub(crate) struct CtrlCTaken(());

#[cfg(unix)]
impl CtrlCTaken {
    pub(crate) fn new() -> Self {
        TAKEN.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

#[cfg(unix)]
impl Drop for CtrlCTaken {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a signal writes into each time it comes, until this is dropped.
#[cfg(unix)]
pub(crate) struct Arrivals {
    pipe: Async<UnixStream>,
    id: SigId,
}

#[cfg(unix)]
impl Arrivals {
    /// # Errors
    ///
    /// When the system does not take a handler.
    pub(crate) fn new(signal: Signal) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let pipe = Async::new(ours)?;
        let id = low_level::pipe::register(signal as i32, theirs)?;
        Ok(Self { pipe, id })
    }

    /// Ready once for each time that it came.
    pub(crate) fn poll_next(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        let read = Pin::new(&mut &self.pipe).poll_read(cx, &mut [0]);
        match read {
            Poll::Ready(Ok(1..)) => Poll::Ready(()),
            // The other end is open as long as the signal is handled.
            Poll::Ready(_) | Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(unix)]
impl Drop for Arrivals {
    fn drop(&mut self) {
        low_level::unregister(self.id);
    }
}

/// A loop has a handler for a signal, which does not do what it does by default until this is
/// dropped, and then does again: what signal-hook leaves in its place would ignore it.
#[cfg(unix)]
pub(crate) struct Handled(Arc<ByItself>);

/// What a signal does by itself, while no loop handles it.
#[cfg(unix)]
#[derive(Default)]
struct ByItself {
    is_default: Arc<AtomicBool>,
    handlers: AtomicU32,
}

#[cfg(unix)]
impl Handled {
    /// # Errors
    ///
    /// When the system does not take a handler.
    pub(crate) fn new(signal: Signal) -> std::io::Result<Self> {
        static DEFAULTS: Mutex<Vec<(i32, Arc<ByItself>)>> = Mutex::new(Vec::new());
        let mut defaults = DEFAULTS.lock().unwrap_or_else(PoisonError::into_inner);
        let number = signal as i32;
        let known = defaults.iter().find(|(known, _)| *known == number);
        let default = match known {
            Some((_, default)) => default.clone(),
            None => {
                let default = Arc::<ByItself>::default();
                // Ctrl-C has a handler already that does by itself what is to be done.
                let is_ours = signal == Signal::Int && is_handled();
                if !is_ours {
                    let condition = default.is_default.clone();
                    signal_hook::flag::register_conditional_default(number, condition)?;
                }
                defaults.push((number, default.clone()));
                default
            }
        };
        default.handlers.fetch_add(1, Ordering::SeqCst);
        default.is_default.store(false, Ordering::SeqCst);
        Ok(Self(default))
    }
}

#[cfg(unix)]
impl Drop for Handled {
    fn drop(&mut self) {
        if self.0.handlers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.is_default.store(true, Ordering::SeqCst);
        }
    }
}

/// Runs on a thread of its own, where everything is allowed.
fn on_ctrl_c() {
    if TAKEN.load(Ordering::SeqCst) > 0 {
        return;
    }
    let Some(Target { main, interrupts }) = target().clone() else {
        std::process::exit(INTERRUPTED);
    };
    let address = main.address();
    let message: Box<dyn FnOnce() + Send> = match interrupts.count.fetch_add(1, Ordering::SeqCst) {
        0 => Box::new(move || {
            interrupts.is_taken.store(true, Ordering::SeqCst);
            let task = main.task();
            match task {
                Some(task) => {
                    task.cancel(CancelledError::new());
                }
                None => panic_quietly(KeyboardInterrupt),
            }
        }),
        1 if interrupts.is_taken.load(Ordering::SeqCst) => {
            Box::new(|| panic_quietly(KeyboardInterrupt))
        }
        _ => {
            eprintln!("KeyboardInterrupt");
            std::process::exit(INTERRUPTED);
        }
    };
    // A loop that has closed meanwhile needs no ending.
    let _ = address.send(Message::Call(message));
}
