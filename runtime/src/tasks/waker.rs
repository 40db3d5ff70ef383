//! What wakes a task, from any thread.
//!
//! On the thread of the task's loop a wake is a look-up and a push onto the ready queue: no lock.
//! From any other thread the key goes through the loop's remote queue.

use std::sync::Arc;
use std::task::{Wake, Waker};

use super::TaskKey;
use crate::event_loop::remote::Message;

struct TaskWaker {
    key: TaskKey,
}

pub(super) fn of(key: TaskKey) -> Waker {
    Waker::from(Arc::new(TaskWaker { key }))
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(event_loop) = self.key.address.upgrade() {
            event_loop.wake_task(self.key);
            return;
        }
        // A closed loop has no use for it.
        let _ = self.key.address.send(Message::Wake(self.key));
    }
}
