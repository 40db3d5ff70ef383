//! CPython's tests of locks, told anew: a file for each of its classes.

mod barrier;
mod condition;
mod event;
mod lock;
mod semaphore;

use asyncio::{catch_cancelled, create_task, sleep};

/// Cancels a task that waits, and has it be cancelled.
async fn is_cancelled<F: std::future::Future<Output: 'static> + 'static>(wait: F) -> bool {
    let task = create_task(wait);
    sleep(0).await;
    task.cancel();
    catch_cancelled(&task.any()).await.is_err() && task.cancelled()
}
