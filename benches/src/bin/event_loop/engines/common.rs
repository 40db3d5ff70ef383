//! The queue and the lock that people take who have none in their runtime: async-channel and async-lock.

use std::future::Future;
use std::rc::Rc;

use smol::channel::{Receiver, Sender, bounded};

use crate::engine::{Channel, Lock};

/// async-channel's.
pub(super) struct AsyncChannel;

impl Channel for AsyncChannel {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn channel() -> (Sender<u64>, Receiver<u64>) {
        bounded(1)
    }

    async fn put(sender: &Sender<u64>, item: u64) {
        sender.send(item).await.expect("it is open");
    }

    async fn get(receiver: &mut Receiver<u64>) -> u64 {
        receiver.recv().await.expect("it is open")
    }
}

/// async-lock's.
#[derive(Clone)]
pub(super) struct AsyncLock(Rc<smol::lock::Mutex<()>>);

impl Lock for AsyncLock {
    fn new() -> Self {
        AsyncLock(Rc::new(smol::lock::Mutex::new(())))
    }

    async fn with(&self, inside: impl Future<Output = ()>) {
        let _guard = self.0.lock().await;
        inside.await;
    }
}
