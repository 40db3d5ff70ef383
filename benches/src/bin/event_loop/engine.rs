//! What an event loop must have for a workload to run on it. Each engine fills these in as thinly as it can, by the calls that its own
//! users would write.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

/// Runs tasks.
pub(crate) trait Engine: 'static {
    /// A handle on a task.
    type Task<T: 'static>: 'static;

    /// Runs a program to its end.
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T;

    /// Makes a task.
    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Self::Task<T>;

    /// Lets a task run on without its handle.
    fn detach<T: 'static>(task: Self::Task<T>) {
        drop(task);
    }

    /// What a task gives.
    async fn join<T: 'static>(task: Self::Task<T>) -> T;

    /// Runs all side by side and gives their values in order.
    async fn gather<T: 'static, F: Future<Output = T> + 'static>(
        futures: impl Iterator<Item = F>,
    ) -> Vec<T>;

    /// Gives up one turn.
    async fn yield_now() {
        turn().await;
    }
}

/// Cancels tasks.
pub(crate) trait Cancel: Engine {
    /// Cancels all of them, and waits until they are gone.
    async fn cancel(tasks: Vec<Self::Task<()>>);
}

/// Awaits in other ways than one after the other.
pub(crate) trait Combine: Engine {
    /// Awaits something that goes on when who awaits it is cancelled.
    async fn shield<T: 'static>(future: impl Future<Output = T> + 'static) -> T;

    /// Runs all side by side, and adds up their values as they come.
    async fn as_completed<F: Future<Output = u64> + 'static>(
        futures: impl Iterator<Item = F>,
    ) -> u64;

    /// Awaits something for an hour at the most.
    async fn timeout<T>(future: impl Future<Output = T>) -> T;
}

/// Has queues and locks, its own or those that its users take.
pub(crate) trait Synchronise: Engine {
    /// A queue with room for one item.
    type Channel: Channel;
    /// A lock that is handed on in the order of asking.
    type Lock: Lock;
}

/// A queue with room for one item.
pub(crate) trait Channel {
    /// Where items go in.
    type Sender: 'static;
    /// Where they come out.
    type Receiver: 'static;

    /// Both ends.
    fn channel() -> (Self::Sender, Self::Receiver);

    /// Waits for room.
    async fn put(sender: &Self::Sender, item: u64);

    /// Waits for an item.
    async fn get(receiver: &mut Self::Receiver) -> u64;
}

/// A lock.
pub(crate) trait Lock: Clone + 'static {
    /// An open one.
    fn new() -> Self;

    /// Runs `inside` with the lock held.
    async fn with(&self, inside: impl Future<Output = ()>);
}

/// Has timers.
pub(crate) trait Sleep: Engine {
    /// Waits so long. It gives the engine's own future, where that is one: in a million tasks, one around it would be
    /// seen.
    fn sleep(delay: Duration) -> impl Future<Output = ()>;
}

/// Has TCP. Messages are of [`MESSAGE`] bytes.
pub(crate) trait Echo: Engine {
    /// Serves an echo on a port of this machine, which it gives, in a task of its own.
    async fn serve() -> u16;

    /// Connects, and sends a message and waits for it to come back, so many times.
    async fn call(port: u16, times: u64);
}

/// How long an echoed message is.
pub(crate) const MESSAGE: usize = 64;

/// One turn, for those that have no such thing of their own.
pub(crate) async fn turn() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What [`Engine::gather`] is for those that have no such thing of their own: the tasks' handles in `join_all`.
pub(crate) async fn join_all<E: Engine, T: 'static, F: Future<Output = T> + 'static>(
    futures: impl Iterator<Item = F>,
) -> Vec<T> {
    futures::future::join_all(futures.map(|future| E::join(E::spawn(future)))).await
}
