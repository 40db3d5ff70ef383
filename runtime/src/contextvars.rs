//! Context variables: values that follow a task, and what it starts, without being passed on.
//!
//! A context is a map that is shared until somebody sets something in it, so that its copy at the
//! creation of every task and callback is one reference. Mirrors `contextvars`.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::diagnostics;

/// The values of a context; none stands for the empty map.
pub(crate) type Values = Option<Rc<Map>>;

/// A value, and how it is cloned for another thread, if it can go to one.
#[derive(Clone)]
pub(crate) struct Value {
    value: Rc<dyn Any>,
    clone_to_send: Option<CloneToSend>,
}

/// A clone of a variable's value, wrapped up for another thread.
type CloneToSend = fn(&dyn Any) -> Option<Sent>;
type Sent = Box<dyn FnOnce() -> Rc<dyn Any> + Send>;

fn clone_to_send<T: Clone + Send + 'static>(value: &dyn Any) -> Option<Sent> {
    let value = value.downcast_ref::<T>()?.clone();
    Some(Box::new(move || Rc::new(value)))
}

/// In the order of the numbers. There are few: to look among them is quick, and so is a copy of them.
type Map = Vec<(u64, Value)>;

thread_local! {
    /// The current values, as `Rc::into_raw` gives them; null for the empty map. Without a destructor,
    /// since every step looks here: [`AtEnd`] drops what is left at the end of the thread.
    static CURRENT: Cell<*const Map> = const { Cell::new(std::ptr::null()) };
    static AT_END: AtEnd = const { AtEnd };
}

struct AtEnd;

impl Drop for AtEnd {
    fn drop(&mut self) {
        drop(replace(None));
    }
}

#[inline]
fn replace(values: Values) -> Values {
    let new = match values {
        None => std::ptr::null(),
        Some(values) => {
            // From now on there is something to be dropped. At the end of the thread itself a value
            // may be set that then stays.
            let _ = AT_END.try_with(|_| ());
            Rc::into_raw(values)
        }
    };
    let old = CURRENT.with(|current| current.replace(new));
    // SAFETY: what is there came from `Rc::into_raw`, and was taken out just now.
    (!old.is_null()).then(|| unsafe { Rc::from_raw(old) })
}

/// The values as they are now: what a new task or callback starts with.
#[inline]
pub(crate) fn copy() -> Values {
    if CURRENT.with(|current| current.get().is_null()) {
        None
    } else {
        copy_some()
    }
}

#[cold]
#[inline(never)]
fn copy_some() -> Values {
    let values = replace(None);
    drop(replace(values.clone()));
    values
}

/// Where values are while they are not the current ones.
pub(crate) trait Home {
    fn take(&self) -> Values;
    fn put(&self, values: Values);
}

impl Home for Cell<Values> {
    #[inline]
    fn take(&self) -> Values {
        Cell::take(self)
    }

    fn put(&self, values: Values) {
        self.set(values);
    }
}

/// Values are the current ones until this is dropped; then they are back where they came from.
pub(crate) struct Entered<'a, H: Home = Cell<Values>> {
    home: &'a H,
    /// As in [`CURRENT`].
    outer: *const Map,
}

impl<'a, H: Home> Entered<'a, H> {
    #[inline]
    pub(crate) fn new(home: &'a H) -> Self {
        let values = home.take();
        let outer = CURRENT.with(Cell::get);
        if values.is_some() || !outer.is_null() {
            return Self::switch(home, values);
        }
        Self { home, outer }
    }

    #[cold]
    fn switch(home: &'a H, values: Values) -> Self {
        let outer = replace(values).map_or(std::ptr::null(), Rc::into_raw);
        Self { home, outer }
    }

    #[cold]
    fn switch_back(&mut self) {
        let outer = std::mem::replace(&mut self.outer, std::ptr::null());
        // SAFETY: as in `replace`: it came from there, and nobody else has taken it.
        let outer = (!outer.is_null()).then(|| unsafe { Rc::from_raw(outer) });
        let inner = replace(outer);
        self.home.put(inner);
    }
}

impl<H: Home> Drop for Entered<'_, H> {
    #[inline]
    fn drop(&mut self) {
        // Mostly nobody has set anything, here or outside.
        if !self.outer.is_null() || !CURRENT.with(Cell::get).is_null() {
            self.switch_back();
        }
    }
}

/// Has `function` run on another thread in a copy of the current context, without the values that
/// cannot go there.
pub(crate) fn carried<T>(
    function: impl FnOnce() -> T + Send + 'static,
) -> impl FnOnce() -> T + Send + 'static {
    let values = copy();
    let values = values.as_deref().map_or(&[][..], Vec::as_slice);
    let sent: Vec<(u64, CloneToSend, Sent)> = values
        .iter()
        .filter_map(|(id, value)| {
            let clone_to_send = value.clone_to_send?;
            Some((*id, clone_to_send, clone_to_send(&*value.value)?))
        })
        .collect();
    move || {
        let values: Map = sent
            .into_iter()
            .map(|(id, clone_to_send, sent)| {
                let value = Value {
                    value: sent(),
                    clone_to_send: Some(clone_to_send),
                };
                (id, value)
            })
            .collect();
        let values = Cell::new((!values.is_empty()).then(|| Rc::new(values)));
        let _entered = Entered::new(&values);
        function()
    }
}

/// A callback that runs in a copy of the current context, whenever it runs.
#[track_caller]
pub(crate) fn bound(callback: impl FnOnce()) -> impl FnOnce() {
    let (values, called) = (Cell::new(copy()), Location::caller());
    move || {
        let _entered = Entered::new(&values);
        diagnostics::runs_callback_of(called);
        callback();
    }
}

/// As [`bound`], for a callback that is called with something.
#[track_caller]
pub(crate) fn bound_to<F>(callback: F) -> Bound<F> {
    Bound {
        values: Cell::new(copy()),
        called: Location::caller(),
        callback,
    }
}

pub(crate) struct Bound<F> {
    values: Cell<Values>,
    called: &'static Location<'static>,
    callback: F,
}

impl<F> Bound<F> {
    pub(crate) fn call<T>(self, value: &T)
    where
        F: FnOnce(&T),
    {
        let _entered = Entered::new(&self.values);
        diagnostics::runs_callback_of(self.called);
        (self.callback)(value);
    }
}

/// A variable whose value belongs to the current context: to a task, or to a callback.
///
/// A task starts with a copy of the values that there were where it was created, and so do
/// callbacks; what either sets, nobody else sees. A variable is declared once, as a `static`.
///
/// A copy also goes with a function to another thread, by [`to_thread`](crate::to_thread), for which
/// values have to be [`Send`]: those that are not belong in a [`local`](Self::local) variable, which
/// stays behind.
///
/// Mirrors `contextvars.ContextVar`.
///
/// ```
/// use asyncio::ContextVar;
///
/// static REQUEST: ContextVar<u32> = ContextVar::new("request");
///
/// async fn log() -> String {
///     format!("request {}", REQUEST.get())
/// }
///
/// # asyncio::run(async {
/// let tasks = [1, 2].map(|number| {
///     asyncio::create_task(async move {
///         REQUEST.set(number);
///         asyncio::sleep(0).await;
///         log().await
///     })
/// });
/// assert_eq!(asyncio::gather(tasks).await, ["request 1", "request 2"]);
/// assert_eq!(REQUEST.try_get(), None);
/// # });
/// ```
pub struct ContextVar<T> {
    name: &'static str,
    /// Given at the first use; never used again.
    id: AtomicU64,
    default: Option<fn() -> T>,
    clone_to_send: Option<CloneToSend>,
}

impl<T: Clone + Send + 'static> ContextVar<T> {
    /// A variable without a default.
    ///
    /// Mirrors `ContextVar(name)`.
    ///
    /// ```
    /// use asyncio::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// assert_eq!(USER.try_get(), None);
    /// ```
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            id: AtomicU64::new(0),
            default: None,
            clone_to_send: Some(clone_to_send::<T>),
        }
    }

    /// A variable that has what `default` gives where it was not set: Python's `default=`.
    ///
    /// ```
    /// use asyncio::ContextVar;
    ///
    /// static USER: ContextVar<String> = ContextVar::with_default("user", || "nobody".to_owned());
    /// assert_eq!(USER.get(), "nobody");
    /// ```
    pub const fn with_default(name: &'static str, default: fn() -> T) -> Self {
        Self {
            name,
            id: AtomicU64::new(0),
            default: Some(default),
            clone_to_send: Some(clone_to_send::<T>),
        }
    }
}

impl<T: 'static> ContextVar<T> {
    /// A variable without a default, whose values may be of any type and stay on their thread.
    ///
    /// ```
    /// use asyncio::ContextVar;
    /// use std::rc::Rc;
    ///
    /// static CACHE: ContextVar<Rc<str>> = ContextVar::local("cache");
    ///
    /// # asyncio::run(async {
    /// CACHE.set("here".into());
    /// assert_eq!(asyncio::to_thread(|| CACHE.try_get().is_some()).await, false);
    /// # });
    /// ```
    pub const fn local(name: &'static str) -> Self {
        Self {
            name,
            id: AtomicU64::new(0),
            default: None,
            clone_to_send: None,
        }
    }

    fn id(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let known = self.id.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let new = NEXT.fetch_add(1, Ordering::Relaxed);
        let exchanged = self
            .id
            .compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed);
        exchanged.map_or_else(|known| known, |_| new)
    }

    /// The name that it was declared with.
    ///
    /// Mirrors `ContextVar.name`.
    ///
    /// ```
    /// use asyncio::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// assert_eq!(USER.name(), "user");
    /// ```
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The value in the current context, or the default.
    ///
    /// Mirrors `ContextVar.get`.
    ///
    /// # Panics
    ///
    /// When there is neither: Python's `LookupError`.
    ///
    /// ```
    /// use asyncio::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// assert_eq!(USER.get(), "ada");
    /// ```
    #[track_caller]
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        match self.try_get() {
            Some(value) => value,
            None => panic!("LookupError: {self:?}"),
        }
    }

    /// The value in the current context, or the default, if there is either.
    ///
    /// Mirrors `ContextVar.get(None)`.
    ///
    /// ```
    /// use asyncio::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// assert_eq!(USER.try_get(), None);
    /// USER.set("ada");
    /// assert_eq!(USER.try_get(), Some("ada"));
    /// ```
    pub fn try_get(&self) -> Option<T>
    where
        T: Clone,
    {
        let value = value_of(&copy(), self.id());
        let value = value.and_then(|value| value.downcast_ref::<T>().cloned());
        value.or_else(|| self.default.map(|default| default()))
    }

    /// Sets the value in the current context. What this gives takes it back: see
    /// [`reset`](Self::reset).
    ///
    /// Mirrors `ContextVar.set`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// use asyncio::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// let task = asyncio::create_task(async { USER.set("ada") });
    /// task.await;
    /// assert_eq!(USER.try_get(), None); // a task has a copy of the context
    /// # });
    /// ```
    pub fn set(&self, value: T) -> ContextToken<T> {
        let old = self.put(Some(Value {
            value: Rc::new(value),
            clone_to_send: self.clone_to_send,
        }));
        ContextToken {
            id: self.id(),
            old,
            of: PhantomData,
        }
    }

    /// Takes a [`set`](Self::set) back: the value is what it was before.
    ///
    /// Mirrors `ContextVar.reset`.
    ///
    /// # Panics
    ///
    /// When the token is another variable's.
    ///
    /// ```
    /// use asyncio::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// let token = USER.set("ada");
    /// assert_eq!(USER.get(), "ada");
    /// USER.reset(token);
    /// assert_eq!(USER.try_get(), None);
    /// ```
    #[track_caller]
    pub fn reset(&self, token: ContextToken<T>) {
        assert!(
            token.id == self.id(),
            "ValueError: the token was created by a different ContextVar than {self:?}"
        );
        let new = self.put(token.old);
        drop(new);
    }

    /// Puts a value in or takes it out, and gives the one that was there.
    fn put(&self, value: Option<Value>) -> Option<Value> {
        let mut values = replace(None).unwrap_or_default();
        let map = Rc::make_mut(&mut values);
        let old = match (place_of(map, self.id()), value) {
            (Ok(place), Some(value)) => Some(std::mem::replace(&mut map[place].1, value)),
            (Ok(place), None) => Some(map.remove(place).1),
            (Err(place), Some(value)) => {
                map.insert(place, (self.id(), value));
                None
            }
            (Err(_), None) => None,
        };
        // Nothing was set meanwhile: no code but this has run.
        replace((!values.is_empty()).then_some(values));
        old
    }
}

/// Where a variable's value is, or is to be.
fn place_of(map: &Map, id: u64) -> Result<usize, usize> {
    map.binary_search_by_key(&id, |(id, _)| *id)
}

fn value_of(values: &Values, id: u64) -> Option<Rc<dyn Any>> {
    let map = values.as_ref()?;
    let place = place_of(map, id).ok()?;
    Some(map[place].1.value.clone())
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<ContextVar name='{}'>", self.name)
    }
}

/// What a [`ContextVar`] was before it was set. Mirrors `contextvars.Token`.
pub struct ContextToken<T> {
    id: u64,
    old: Option<Value>,
    of: PhantomData<T>,
}

impl<T> fmt::Debug for ContextToken<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Token>")
    }
}

/// A context of its own: values that code can be run with, again and again.
///
/// A handle: a clone is the same context. A task can be run in one, see
/// [`Task::context`](crate::Task::context). Mirrors `contextvars.Context`.
///
/// ```
/// use asyncio::{Context, ContextVar};
///
/// static DEPTH: ContextVar<u32> = ContextVar::with_default("depth", || 0);
///
/// let context = Context::copy();
/// context.run(|| DEPTH.set(1));
/// assert_eq!(DEPTH.get(), 0);
/// assert_eq!(context.run(|| DEPTH.get()), 1);
/// ```
#[derive(Clone, Default)]
pub struct Context {
    state: Rc<ContextState>,
}

#[derive(Default)]
struct ContextState {
    values: Cell<Values>,
    is_entered: Cell<bool>,
}

impl Context {
    /// An empty context.
    ///
    /// Mirrors `contextvars.Context()`.
    ///
    /// ```
    /// use asyncio::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// asyncio::Context::new().run(|| assert_eq!(USER.try_get(), None));
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of the current context: Python's `copy_context()`.
    ///
    /// ```
    /// use asyncio::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// asyncio::Context::copy().run(|| {
    ///     USER.set("grace");
    /// });
    /// assert_eq!(USER.get(), "ada");
    /// ```
    pub fn copy() -> Self {
        let context = Self::new();
        context.state.values.set(copy());
        context
    }

    /// Runs `f` in this context: what it sets stays here.
    ///
    /// Mirrors `Context.run`.
    ///
    /// # Panics
    ///
    /// `cannot enter context: ... is already entered`.
    ///
    /// ```
    /// use asyncio::{Context, ContextVar};
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// let context = Context::copy();
    /// context.run(|| drop(USER.set("ada")));
    /// assert_eq!(USER.try_get(), None);
    /// assert_eq!(context.run(|| USER.get()), "ada");
    /// ```
    #[track_caller]
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        assert!(
            !self.state.is_entered.get(),
            "cannot enter context: {self:?} is already entered"
        );
        let _run = self.enter();
        f()
    }

    /// For a step of a task that runs in this context.
    pub(crate) fn enter(&self) -> impl Drop + '_ {
        struct Run<'a> {
            state: &'a ContextState,
            entered: Option<Entered<'a>>,
            was_entered: bool,
        }
        impl Drop for Run<'_> {
            fn drop(&mut self) {
                drop(self.entered.take());
                self.state.is_entered.set(self.was_entered);
            }
        }
        let was_entered = self.state.is_entered.replace(true);
        Run {
            state: &self.state,
            entered: (!was_entered).then(|| Entered::new(&self.state.values)),
            was_entered,
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Context object at {:p}>", Rc::as_ptr(&self.state))
    }
}
