//! The signals of Unix, by name.
//!
//! Mirrors `signal.Signals`.

macro_rules! signals {
    ($($(#[$attribute:meta])* $name:ident = $number:ident,)*) => {
        /// A signal: what [`Process::send_signal`](crate::Process::send_signal) sends and
        /// [`EventLoop::add_signal_handler`](crate::EventLoop::add_signal_handler) handles.
        ///
        /// `signal as i32` is its number on this system. Mirrors `signal.Signals`; on Unix.
        ///
        /// ```
        /// # #[cfg(unix)]
        /// assert_eq!(asyncio::Signal::Term as i32, 15);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum Signal {
            $($(#[$attribute])* #[doc = concat!("`", stringify!($number), "`")] $name = libc::$number,)*
        }
    };
}

signals! {
    Hup = SIGHUP,
    Int = SIGINT,
    Quit = SIGQUIT,
    Ill = SIGILL,
    Trap = SIGTRAP,
    #[doc(alias = "Abrt")]
    Abort = SIGABRT,
    Bus = SIGBUS,
    Fpe = SIGFPE,
    Kill = SIGKILL,
    Usr1 = SIGUSR1,
    Segv = SIGSEGV,
    Usr2 = SIGUSR2,
    Pipe = SIGPIPE,
    #[doc(alias = "Alrm")]
    Alarm = SIGALRM,
    Term = SIGTERM,
    #[doc(alias = "Chld")]
    Child = SIGCHLD,
    Cont = SIGCONT,
    Stop = SIGSTOP,
    Tstp = SIGTSTP,
    Ttin = SIGTTIN,
    Ttou = SIGTTOU,
    Urg = SIGURG,
    Xcpu = SIGXCPU,
    Xfsz = SIGXFSZ,
    #[doc(alias = "Vtalrm")]
    Vtalarm = SIGVTALRM,
    Prof = SIGPROF,
    Winch = SIGWINCH,
    Io = SIGIO,
    Sys = SIGSYS,
}
