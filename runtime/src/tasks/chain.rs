//! The coroutines that a task is within, one in the other: what its stack is made of.
//!
//! It is kept in debug mode only, and only where the library was built with debug assertions, as
//! unoptimised programs are: there a coroutine says when it is entered and left, which else costs
//! nothing. What a step leaves behind is the way from the task's own coroutine down to the leaf that
//! suspended last; the next step makes it anew, since it is polled from the top again.

use std::cell::{Cell, RefCell};

use super::called::is_in_program;
use super::{Called, TaskRef};
use crate::coroutines::About;

/// Whether chains can be kept at all.
const IS_BUILT_IN: bool = cfg!(debug_assertions);

/// What was entered, or suspended.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// How many that were entered before it were not left yet.
    depth: usize,
    /// Where it is awaited or called, in what is above it.
    at: Option<Called>,
    /// The function, and the type that tells its name; none for an operation of this library, and for
    /// a leaf.
    function: Option<(&'static About, &'static str)>,
}

/// What a step has entered so far.
#[derive(Debug, Default)]
pub(super) struct Chain {
    links: Vec<Link>,
    depth: usize,
}

thread_local! {
    /// That of the current step, in debug mode.
    static CURRENT: RefCell<Option<Chain>> = const { RefCell::new(None) };
    /// Whether there is a current one.
    static IS_KEPT: Cell<bool> = const { Cell::new(false) };
}

/// For a step of the task: until this is dropped, what is entered is noted, and what the task is within
/// then is kept.
pub(super) fn keep(task: &TaskRef) -> Option<Keep<'_>> {
    IS_BUILT_IN.then(|| {
        let outer = CURRENT.replace(Some(Chain::default()));
        IS_KEPT.set(true);
        Keep(task, outer)
    })
}

/// See [`keep`]: the task, and the chain of who is stepping outside of it.
pub(super) struct Keep<'a>(&'a TaskRef, Option<Chain>);

impl Drop for Keep<'_> {
    fn drop(&mut self) {
        let outer = self.1.take();
        IS_KEPT.set(outer.is_some());
        let chain = CURRENT.replace(outer);
        self.0.core().keep_chain(chain);
    }
}

/// Something is entered, until [`leave`](Self::leave).
#[derive(Debug)]
pub(crate) struct Entered {
    index: usize,
}

impl Entered {
    #[inline]
    fn new(at: Option<Called>, function: Option<(&'static About, &'static str)>) -> Option<Self> {
        if !IS_BUILT_IN || !IS_KEPT.try_with(Cell::get).unwrap_or(false) {
            return None;
        }
        with_current(|chain| {
            let index = chain.links.len();
            let depth = chain.depth;
            chain.links.push(Link {
                depth,
                at,
                function,
            });
            chain.depth = depth + 1;
            Entered { index }
        })
    }

    /// A coroutine is polled, which is awaited there.
    #[cfg(debug_assertions)]
    #[inline]
    pub(crate) fn coroutine<F>(at: Called, about: &'static About) -> Option<Self> {
        Self::new(Some(at), Some((about, std::any::type_name::<F>())))
    }

    /// An operation of this library is polled, which was called there.
    #[inline]
    pub(crate) fn operation(at: Option<Called>) -> Option<Self> {
        Self::new(at, None)
    }

    /// It was polled, and has ended or goes on.
    pub(crate) fn leave(self, is_pending: bool) {
        with_current(|chain| {
            if let Some(link) = chain.links.get(self.index) {
                chain.depth = link.depth;
                if !is_pending {
                    chain.links.truncate(self.index);
                }
            }
        });
    }
}

/// A leaf suspends, which is awaited there.
#[inline]
pub(crate) fn leaf(at: Option<Called>) {
    if let Some(entered) = Entered::operation(at) {
        entered.leave(true);
    }
}

fn with_current<T>(f: impl FnOnce(&mut Chain) -> T) -> Option<T> {
    let with = |current: &RefCell<Option<Chain>>| current.borrow_mut().as_mut().map(f);
    CURRENT.try_with(with).ok().flatten()
}

/// A function that a task is within, and where it stands in it.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) place: (&'static str, u32),
    /// The type of the coroutine, which tells its name; none for one that is no `Coroutine`.
    pub(super) type_name: Option<&'static str>,
}

/// The functions that a task is within, outermost first; none where nothing was kept.
///
/// `is_coroutine` says whether its own future is one that enters itself.
pub(super) fn of(chain: &Chain, is_coroutine: bool) -> Vec<Standing> {
    stands(&way(&chain.links), is_coroutine, None)
}

/// The same for the task that runs now, which has got as far as `here`.
pub(super) fn of_current(here: Called, is_coroutine: bool) -> Vec<Standing> {
    let way = with_current(|chain| {
        let mut way = way(&chain.links);
        way.retain(|link| link.depth < chain.depth);
        way
    });
    stands(&way.unwrap_or_default(), is_coroutine, Some(here))
}

/// The last of what was entered, and all that it is within.
fn way(links: &[Link]) -> Vec<Link> {
    let mut way: Vec<Link> = Vec::new();
    for link in links.iter().rev() {
        if way.last().is_none_or(|inner| link.depth < inner.depth) {
            way.push(*link);
        }
    }
    way.reverse();
    way
}

fn stands(way: &[Link], is_coroutine: bool, here: Option<Called>) -> Vec<Standing> {
    let place = |at: Called| (at.file(), at.line());
    // Where the program goes on from a function: the innermost place that is known of its own.
    let goes_on = |from: usize| {
        let inner = way.get(from..).unwrap_or_default();
        let end = inner.iter().position(|link| link.function.is_some());
        let own = &inner[..end.map_or(inner.len(), |end| end + 1)];
        let known = own.iter().filter_map(|link| link.at);
        let last = here.filter(|_| end.is_none());
        let mut known = known.chain(last).filter(|at| is_in_program(at));
        known.next_back().map(place)
    };
    let mut frames = Vec::new();
    if !is_coroutine {
        frames.extend(goes_on(0).map(|place| Standing {
            place,
            type_name: None,
        }));
    }
    for (index, link) in way.iter().enumerate() {
        if let Some((about, type_name)) = link.function {
            frames.push(Standing {
                place: goes_on(index + 1).unwrap_or_else(|| about.location()),
                type_name: Some(type_name),
            });
        }
    }
    frames
}
