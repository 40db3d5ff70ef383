//! What wakes a task, from any thread.
//!
//! On the thread of the task's loop a wake is a look-up and a push onto the ready queue: no lock.
//! From any other thread the key goes through the loop's remote queue.

use std::sync::Arc;
use std::task::{Wake, Waker};

use super::TaskKey;
use crate::event_loop::context;
use crate::event_loop::remote::{Message, Remote};

struct TaskWaker {
    key: TaskKey,
    remote: Arc<Remote>,
}

pub(super) fn of(key: TaskKey, remote: Arc<Remote>) -> Waker {
    Waker::from(Arc::new(TaskWaker { key, remote }))
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if context::thread_number() == self.key.thread {
            if let Some(event_loop) = context::find(self.key.loop_id) {
                event_loop.wake_task(self.key);
                return;
            }
        }
        // A closed loop has no use for it.
        let _ = self.remote.send(Message::Wake(self.key));
    }
}
