//! Ctrl-C.
//!
//! As in Python, only `run` and `Runner` take it, only on the program's main thread, and only
//! while nobody else handles it: the first one cancels the main task, so that the program can clean
//! up; the second one ends the loop at once with a [`KeyboardInterrupt`]. A loop that is stuck in
//! blocking work and takes in neither does not keep the program from being ended.
//!
//! On Linux it costs no thread, for a second thread has everything locked, by the kernel, too. There the
//! signal's handler marks that it [has come](has_come), for the loop to see between two looks at its
//! input, and rings the bell that ends a sleep of the loop. It may do nothing but such things: it
//! comes while any code runs.

#[cfg(unix)]
use std::io;
#[cfg(unix)]
use std::io::Read;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::panic::{Location, resume_unwind};
#[cfg(unix)]
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::atomic::AtomicU64;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
#[cfg(unix)]
use std::task::{self, Poll};

#[cfg(unix)]
use signal_hook::{SigId, low_level};

#[cfg(unix)]
use crate::Signal;
use crate::contextvars::Context;
use crate::event_loop::EventLoop;
#[cfg(not(target_os = "linux"))]
use crate::event_loop::remote::Message;
use crate::exceptions::{CancelledError, KeyboardInterrupt};
#[cfg(unix)]
use crate::streams::socket::Socket;
use crate::tasks::{TaskKey, TaskRef};

/// The status with which a shell shows that a program was interrupted.
const INTERRUPTED: i32 = 130;

/// The main task of the run that Ctrl-C is for.
fn target() -> MutexGuard<'static, Option<TaskKey>> {
    static TARGET: Mutex<Option<TaskKey>> = Mutex::new(None);
    TARGET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a signal's handler may know of that run: there is one at a time, as there is one main thread.
struct Run {
    is_on: AtomicBool,
    /// How many times Ctrl-C has come for it.
    count: AtomicU32,
    /// Whether the loop has taken the first one in.
    is_taken: AtomicBool,
    /// Whether that has cancelled the main task, which had not ended.
    has_cancelled: AtomicBool,
}

static RUN: Run = Run {
    is_on: AtomicBool::new(false),
    count: AtomicU32::new(0),
    is_taken: AtomicBool::new(false),
    has_cancelled: AtomicBool::new(false),
};

/// Runs `main`, which the first Ctrl-C cancels.
pub(crate) fn with_ctrl_c<F: Future>(
    event_loop: &EventLoop,
    main: F,
    called_at: &'static Location<'static>,
    context: &Context,
) -> F::Output {
    let mut aim = Aim::begin();
    match event_loop.run_main(main, called_at, context, |main| aim.at(main)) {
        Ok(value) => {
            aim.end();
            value
        }
        Err(cancelled) => aim.end_cancelled(cancelled),
    }
}

/// Ctrl-C is for the main task of a run, if it is to be; until this is dropped. What of it knows no types
/// is here, once, and not for each type of main.
struct Aim {
    is_ours: bool,
    main: Option<TaskRef>,
}

impl Aim {
    fn begin() -> Self {
        Self {
            is_ours: std::thread::current().name() == Some("main") && is_handled() && is_heard(),
            main: None,
        }
    }

    fn at(&mut self, main: &TaskRef) {
        if self.is_ours {
            aim(main);
            self.main = Some(main.clone());
        }
    }

    /// The run is over: whether it was interrupted.
    fn take_back(mut self) -> Option<Interrupted> {
        let main = self.main.take();
        drop(self);
        main.and_then(|main| interrupted(&main))
    }

    /// `main` has ended by itself.
    fn end(self) {
        // It came in the last step of a main that blocked.
        if self.take_back() == Some(Interrupted::Late) {
            panic_quietly(KeyboardInterrupt);
        }
    }

    fn end_cancelled(self, cancelled: CancelledError) -> ! {
        if self.take_back().is_some() {
            panic_quietly(KeyboardInterrupt);
        }
        cancelled.panic()
    }
}

impl Drop for Aim {
    fn drop(&mut self) {
        if self.is_ours {
            RUN.is_on.store(false, Ordering::SeqCst);
            let old = target().take();
            drop(old);
        }
    }
}

#[derive(PartialEq, Eq)]
enum Interrupted {
    /// The main task was cancelled by it.
    InTime,
    /// It would have been, had it not ended.
    Late,
}

/// Whether it was Ctrl-C, and nothing else, that has cancelled `main`; Python's handler does so in the
/// middle of a step.
fn interrupted(main: &TaskRef) -> Option<Interrupted> {
    if RUN.count.load(Ordering::SeqCst) == 0 {
        return None;
    }
    let cancellation = &main.core().cancellation;
    if RUN.has_cancelled.load(Ordering::SeqCst) {
        (cancellation.uncancel() == 0).then_some(Interrupted::InTime)
    } else {
        (cancellation.requested() == 0).then_some(Interrupted::Late)
    }
}

/// Ctrl-C is how the program was meant to end: no message of the panic hook's.
fn panic_quietly(interrupt: KeyboardInterrupt) -> ! {
    resume_unwind(Box::new(interrupt))
}

/// Ctrl-C is for this task from now on.
fn aim(main: &TaskRef) {
    let main = main.key();
    #[cfg(target_os = "linux")]
    has_come::aim(main.address());
    *target() = Some(main);
    RUN.count.store(0, Ordering::SeqCst);
    RUN.is_taken.store(false, Ordering::SeqCst);
    RUN.has_cancelled.store(false, Ordering::SeqCst);
    RUN.is_on.store(true, Ordering::SeqCst);
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
    #[cfg(target_os = "linux")]
    has_come::handle()?;
    #[cfg(not(target_os = "linux"))]
    {
        let (mut arrivals, pipe) = std::os::unix::net::UnixStream::pair()?;
        low_level::pipe::register(libc::SIGINT, pipe)?;
        let listener = move || {
            while arrivals.read_exact(&mut [0]).is_ok() {
                on_ctrl_c();
            }
        };
        let thread = std::thread::Builder::new().name("ctrl-c".into());
        thread.spawn(listener)?;
    }
    Ok(())
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
    pipe: Socket<UnixStream>,
    id: SigId,
}

#[cfg(unix)]
impl Arrivals {
    /// # Errors
    ///
    /// When the system does not take a handler.
    pub(crate) fn new(signal: Signal) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let pipe = Socket::of_the_loop(ours)?;
        let id = low_level::pipe::register(signal as i32, theirs)?;
        Ok(Self { pipe, id })
    }

    /// Ready once for each time that it came.
    pub(crate) fn poll_next(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        let read = self.pipe.poll_input(cx, |mut pipe| pipe.read(&mut [0]));
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

/// On Linux this is the signal's handler; elsewhere it runs on a thread of its own.
fn on_ctrl_c() {
    if TAKEN.load(Ordering::SeqCst) > 0 {
        return;
    }
    if !RUN.is_on.load(Ordering::SeqCst) {
        end("");
    }
    match RUN.count.fetch_add(1, Ordering::SeqCst) {
        0 => tell(),
        1 if RUN.is_taken.load(Ordering::SeqCst) => tell(),
        _ => end("KeyboardInterrupt\n"),
    }
}

/// Ends the process at once.
#[cfg(unix)]
fn end(words: &str) -> ! {
    // SAFETY: the words are there as long as the call lasts. What becomes of it does not matter any more.
    let _ = unsafe { libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len()) };
    low_level::exit(INTERRUPTED)
}

#[cfg(not(unix))]
fn end(words: &str) -> ! {
    eprint!("{words}");
    std::process::exit(INTERRUPTED)
}

/// Has the loop do [what is to be done](take_in).
#[cfg(not(target_os = "linux"))]
fn tell() {
    let Some(address) = target().as_ref().map(TaskKey::address) else {
        return;
    };
    // A loop that has closed meanwhile needs no ending.
    let _ = address.send(Message::Call(Box::new(take_in)));
}

#[cfg(target_os = "linux")]
use has_come::{is_heard, tell};

#[cfg(not(target_os = "linux"))]
fn is_heard() -> bool {
    true
}

/// How a loop comes to know of it without a thread.
#[cfg(target_os = "linux")]
pub(crate) mod has_come {
    use std::io;
    use std::mem::MaybeUninit;

    use super::{AtomicBool, AtomicU64, OnceLock, Ordering, on_ctrl_c};
    use crate::event_loop::Address;
    use crate::streams::edge::Doorbell;

    /// It came, and the loop does not know yet.
    static HAS_COME: AtomicBool = AtomicBool::new(false);

    /// The number of the loop that it is for.
    static AIM: AtomicU64 = AtomicU64::new(0);

    /// What ends a sleep on the main thread. It is never closed, since the handler may be about to ring.
    static DOORBELL: OnceLock<Doorbell> = OnceLock::new();

    /// Has the system call [`on_ctrl_c`] for each.
    ///
    /// Not by signal-hook: most programs need nothing else of that. Where one is registered for Ctrl-C later,
    /// signal-hook goes on calling what was there before.
    pub(super) fn handle() -> io::Result<()> {
        // SAFETY: all of it is numbers, of which zero says nothing.
        let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the action is there for the call. As a handler must, it keeps to atomic accesses and to system
        // calls that may be made in one: it allocates nothing, takes no lock and does not panic.
        if unsafe { libc::sigaction(libc::SIGINT, &raw const action, std::ptr::null_mut()) } == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    extern "C" fn on_signal(_: libc::c_int) {
        // SAFETY: it is the thread's own, which is stopped meanwhile. There is no reference to it, as system calls
        // write there.
        unsafe {
            let errno = libc::__errno_location();
            let of_the_thread = *errno;
            on_ctrl_c();
            *errno = of_the_thread;
        }
    }

    /// Whether it can be told to a loop of this thread, which is the main one.
    pub(super) fn is_heard() -> bool {
        if DOORBELL.get().is_none() {
            // Nobody else does this.
            let made = Doorbell::here().map(|made| DOORBELL.set(made));
            debug_assert!(!matches!(made, Ok(Err(_))));
        }
        DOORBELL.get().is_some()
    }

    /// It is for this loop from now on, and what came for the last run and was not seen is no matter.
    pub(super) fn aim(address: Address) {
        HAS_COME.store(false, Ordering::SeqCst);
        AIM.store(address.number(), Ordering::SeqCst);
    }

    /// Called in a signal's handler.
    pub(super) fn tell() {
        // First, so that the loop sees it when the ring has got it up.
        HAS_COME.store(true, Ordering::SeqCst);
        if let Some(doorbell) = DOORBELL.get() {
            doorbell.ring();
        }
    }

    /// Whether the loop of this number is to [take it in](super::take_in) now; said once.
    #[inline]
    pub(crate) fn is_for(number: u64) -> bool {
        HAS_COME.load(Ordering::Relaxed)
            && AIM.load(Ordering::SeqCst) == number
            && HAS_COME.swap(false, Ordering::SeqCst)
    }
}

/// What the loop does about a Ctrl-C, as a callback.
pub(crate) fn take_in() {
    let main = target().clone();
    // The run may be over, and the loop run on.
    let Some(main) = main else { return };
    let is_first = !RUN.is_taken.swap(true, Ordering::SeqCst);
    match main.task() {
        Some(task) if is_first => {
            let has_cancelled = task.cancel(CancelledError::new());
            RUN.has_cancelled.store(has_cancelled, Ordering::SeqCst);
        }
        _ => panic_quietly(KeyboardInterrupt),
    }
}
