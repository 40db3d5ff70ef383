//! The signals of Unix, by name.
//!
//! Mirrors `signal.Signals`.

use rustix::process::Signal as Number;

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
            $($(#[$attribute])* #[doc = concat!("`SIG", stringify!($number), "`")] $name = Number::$number.as_raw(),)*
        }
    };
}

signals! {
    Hup = HUP,
    Int = INT,
    Quit = QUIT,
    Ill = ILL,
    Trap = TRAP,
    #[doc(alias = "Abrt")]
    Abort = ABORT,
    Bus = BUS,
    Fpe = FPE,
    Kill = KILL,
    Usr1 = USR1,
    Segv = SEGV,
    Usr2 = USR2,
    Pipe = PIPE,
    #[doc(alias = "Alrm")]
    Alarm = ALARM,
    Term = TERM,
    #[doc(alias = "Chld")]
    Child = CHILD,
    Cont = CONT,
    Stop = STOP,
    Tstp = TSTP,
    Ttin = TTIN,
    Ttou = TTOU,
    Urg = URG,
    Xcpu = XCPU,
    Xfsz = XFSZ,
    #[doc(alias = "Vtalrm")]
    Vtalarm = VTALARM,
    Prof = PROF,
    Winch = WINCH,
    Io = IO,
    Sys = SYS,
}
