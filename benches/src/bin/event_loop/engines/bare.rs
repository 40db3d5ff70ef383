//! The bound: no more than a queue of boxed futures. There are no names, no results of panics, no threads, no I/O but raw epoll.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::{Duration, Instant};

use super::raw_epoll;
use crate::engine::{Cancel, Channel, Engine, Lock, Sleep, Synchronise};
use crate::workloads::Cases;

/// The bound.
struct Bare;

/// What it can do.
pub(crate) fn cases() -> Cases {
    Cases::of::<Bare>("bare")
        .synchronise::<Bare>()
        .cancel::<Bare>()
        .sleep::<Bare>()
        .cancel_sleeping::<Bare>()
        .case("echo_100", |plan| raw_epoll::echo(100, plan))
        .case("echo_1", |plan| raw_epoll::echo(1, plan))
}

thread_local! {
    static READY: RefCell<VecDeque<Rc<dyn Run>>> = const { RefCell::new(VecDeque::new()) };
    static TIMERS: RefCell<Timers> = const { RefCell::new(Timers { heap: BinaryHeap::new(), next: 0 }) };
}

/// What the queue holds.
trait Run {
    /// Polls the future.
    fn run(self: Rc<Self>);
}

/// What waits for a task's value.
trait Outcome<T> {
    /// Takes the value, or is woken when it is there.
    fn poll_join(&self, cx: &mut Context<'_>) -> Poll<Option<T>>;
    /// Drops the future.
    fn cancel(&self);
}

/// A task: all in one allocation.
struct Node<F: Future> {
    queued: Cell<bool>,
    awaiter: Cell<Option<Waker>>,
    state: RefCell<State<F>>,
}

enum State<F: Future> {
    Running(F),
    Done(F::Output),
    Gone,
}

impl<F: Future + 'static> Node<F> {
    const VTABLE: RawWakerVTable =
        RawWakerVTable::new(Self::clone, Self::wake, Self::wake_by_ref, Self::drop);

    fn schedule(self: Rc<Self>) {
        if !self.queued.replace(true) {
            READY.with_borrow_mut(|ready| ready.push_back(self));
        }
    }

    fn finish(&self, state: State<F>) {
        drop(self.state.replace(state));
        if let Some(awaiter) = self.awaiter.take() {
            awaiter.wake();
        }
    }

    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: the data of such a waker is a counted reference to a node. The bound has one thread, on which all its wakers stay.
        unsafe { Rc::increment_strong_count(data.cast::<Self>()) };
        RawWaker::new(data, &Self::VTABLE)
    }

    unsafe fn wake(data: *const ()) {
        // SAFETY: as above; the reference goes over to the queue.
        unsafe { Rc::from_raw(data.cast::<Self>()) }.schedule();
    }

    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: as above; the reference stays the waker's.
        let node = ManuallyDrop::new(unsafe { Rc::from_raw(data.cast::<Self>()) });
        Rc::clone(&node).schedule();
    }

    unsafe fn drop(data: *const ()) {
        // SAFETY: as above.
        drop(unsafe { Rc::from_raw(data.cast::<Self>()) });
    }
}

impl<F: Future + 'static> Run for Node<F> {
    fn run(self: Rc<Self>) {
        self.queued.set(false);
        let raw = RawWaker::new(Rc::as_ptr(&self).cast(), &Self::VTABLE);
        // SAFETY: the table keeps the contract; this one waker does not own its reference, so it is not dropped.
        let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw) });
        let mut cx = Context::from_waker(&waker);
        let polled = match &mut *self.state.borrow_mut() {
            // SAFETY: the future stays in its allocation until it is dropped there.
            State::Running(future) => unsafe { Pin::new_unchecked(future) }.poll(&mut cx),
            _ => return,
        };
        if let Poll::Ready(value) = polled {
            self.finish(State::Done(value));
        }
    }
}

impl<F: Future + 'static> Outcome<F::Output> for Node<F> {
    fn poll_join(&self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let mut state = self.state.borrow_mut();
        if let State::Running(_) = &*state {
            self.awaiter.set(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        match std::mem::replace(&mut *state, State::Gone) {
            State::Done(value) => Poll::Ready(Some(value)),
            _ => Poll::Ready(None),
        }
    }

    fn cancel(&self) {
        self.finish(State::Gone);
    }
}

/// A handle on a task.
struct Task<T>(Rc<dyn Outcome<T>>);

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_join(cx)
    }
}

impl Engine for Bare {
    type Task<T: 'static> = Task<T>;

    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        let mut main = pin!(Bare::spawn(main));
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            while let Some(task) = READY.with_borrow_mut(VecDeque::pop_front) {
                task.run();
            }
            if let Poll::Ready(value) = main.as_mut().poll(&mut cx) {
                break value.expect("it is not cancelled");
            }
            Timers::wait();
        }
    }

    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
        let node = Rc::new(Node {
            queued: Cell::new(true),
            awaiter: Cell::new(None),
            state: RefCell::new(State::Running(future)),
        });
        READY.with_borrow_mut(|ready| ready.push_back(Rc::clone(&node) as Rc<dyn Run>));
        Task(node)
    }

    fn detach<T: 'static>(task: Task<T>) {
        // What waits for ever has nobody else who holds it.
        std::mem::forget(task);
    }

    async fn join<T: 'static>(task: Task<T>) -> T {
        task.await.expect("it is not cancelled")
    }

    async fn gather<T: 'static, F: Future<Output = T> + 'static>(
        futures: impl Iterator<Item = F>,
    ) -> Vec<T> {
        let tasks: Vec<_> = futures.map(Self::spawn).collect();
        let mut values = Vec::with_capacity(tasks.len());
        for task in tasks {
            values.push(Self::join(task).await);
        }
        values
    }
}

impl Cancel for Bare {
    async fn cancel(tasks: Vec<Task<()>>) {
        for task in &tasks {
            task.0.cancel();
        }
        for task in tasks {
            assert!(task.await.is_none());
        }
    }
}

impl Synchronise for Bare {
    type Channel = Slot;
    type Lock = Baton;
}

/// Room for one item.
#[derive(Default)]
struct Slot {
    item: Cell<Option<u64>>,
    waiting: Cell<Option<Waker>>,
}

impl Channel for Slot {
    type Sender = Rc<Slot>;
    type Receiver = Rc<Slot>;

    fn channel() -> (Rc<Slot>, Rc<Slot>) {
        let slot = Rc::<Slot>::default();
        (Rc::clone(&slot), slot)
    }

    async fn put(sender: &Rc<Slot>, item: u64) {
        std::future::poll_fn(|cx| {
            if let Some(before) = sender.item.take() {
                sender.item.set(Some(before));
                sender.waiting.set(Some(cx.waker().clone()));
                return Poll::Pending;
            }
            sender.item.set(Some(item));
            if let Some(receiver) = sender.waiting.take() {
                receiver.wake();
            }
            Poll::Ready(())
        })
        .await;
    }

    async fn get(receiver: &mut Rc<Slot>) -> u64 {
        std::future::poll_fn(|cx| {
            let Some(item) = receiver.item.take() else {
                receiver.waiting.set(Some(cx.waker().clone()));
                return Poll::Pending;
            };
            if let Some(sender) = receiver.waiting.take() {
                sender.wake();
            }
            Poll::Ready(item)
        })
        .await
    }
}

/// A lock that is handed from one to the next.
#[derive(Clone, Default)]
struct Baton(Rc<BatonState>);

#[derive(Default)]
struct BatonState {
    held: Cell<bool>,
    waiting: RefCell<VecDeque<Waker>>,
}

impl Lock for Baton {
    fn new() -> Self {
        Baton::default()
    }

    async fn with(&self, inside: impl Future<Output = ()>) {
        if self.0.held.replace(true) {
            let mut asked = false;
            std::future::poll_fn(|cx| {
                // Only who was handed the lock is woken.
                if asked {
                    return Poll::Ready(());
                }
                asked = true;
                self.0.waiting.borrow_mut().push_back(cx.waker().clone());
                Poll::Pending
            })
            .await;
        }
        inside.await;
        let next = self.0.waiting.borrow_mut().pop_front();
        match next {
            Some(next) => next.wake(),
            None => self.0.held.set(false),
        }
    }
}

/// Timers in a heap, to the millisecond.
struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
    next: u64,
}

struct Timer {
    when: Instant,
    number: u64,
    waker: Waker,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.when, self.number).cmp(&(other.when, other.number))
    }
}

impl Timers {
    /// Waits for the first one, and wakes all that are due then.
    fn wait() {
        let when = TIMERS.with_borrow(|timers| timers.heap.peek().map(|first| first.0.when));
        let when = when.expect("somebody is to be woken");
        let left = when.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            std::thread::sleep(left.max(Duration::from_millis(1)));
        }
        let now = Instant::now();
        while let Some(waker) = TIMERS.with_borrow_mut(|timers| timers.due(now)) {
            waker.wake();
        }
    }

    fn due(&mut self, now: Instant) -> Option<Waker> {
        if self.heap.peek()?.0.when > now {
            return None;
        }
        self.heap.pop().map(|first| first.0.waker)
    }
}

impl Sleep for Bare {
    fn sleep(delay: Duration) -> impl Future<Output = ()> {
        let when = Instant::now() + delay;
        let mut asked = false;
        std::future::poll_fn(move |cx| {
            if asked {
                return Poll::Ready(());
            }
            asked = true;
            TIMERS.with_borrow_mut(|timers| {
                let number = timers.next;
                timers.next += 1;
                let waker = cx.waker().clone();
                timers.heap.push(Reverse(Timer {
                    when,
                    number,
                    waker,
                }));
            });
            Poll::Pending
        })
    }
}
