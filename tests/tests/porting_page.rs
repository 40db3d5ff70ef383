//! The programs of `docs/porting-from-python.md` do what the Python beside them does. (That those of the
//! page compile is told by a doctest; here they stand again, told to whom they speak.)

mod common;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

use asyncio::{Queue, catch_cancelled, create_task, sleep};
use common::run;

#[test]
fn a_coroutine_that_is_cancelled_says_so_and_then_what_it_counted() {
    #[asyncio::coroutine]
    fn ticker(every: f64, says: Rc<RefCell<Vec<String>>>) {
        let ticks = Cell::new(0);
        let body = async {
            let tried = async {
                loop {
                    yield_from!(sleep(every));
                    ticks.set(ticks.get() + 1);
                }
            };
            let Err(e) = yield_from!(catch_cancelled(tried));
            says.borrow_mut().push("cancelled".to_owned());
            yield_from!(e.raise::<()>());
        };
        let cleanup = async {
            says.borrow_mut()
                .push(format!("after {} ticks", ticks.get()))
        };
        yield_from!(asyncio::finally(body, cleanup));
    }
    let says = Rc::<RefCell<Vec<String>>>::default();
    run(async {
        let task = create_task(ticker(0.5, says.clone()));
        sleep(2.25).await;
        task.cancel();
        assert!(catch_cancelled(task).await.is_err());
    });
    assert_eq!(*says.borrow(), ["cancelled", "after 4 ticks"]);
}

#[test]
fn workers_on_an_object_end_when_the_queue_is_done_with() {
    struct Crawler {
        q: Queue<&'static str>,
        seen: RefCell<HashSet<&'static str>>,
    }
    impl Crawler {
        #[asyncio::coroutine]
        fn work(self: Rc<Self>) {
            while let Ok(url) = yield_from!(self.q.get()) {
                self.seen.borrow_mut().insert(url);
                self.q.task_done();
            }
        }

        #[asyncio::coroutine]
        fn crawl(self: Rc<Self>) {
            let work = |_| asyncio::ensure_future(self.clone().work());
            let workers: Vec<_> = (0..2).map(work).collect();
            yield_from!(self.q.join());
            for w in &workers {
                w.cancel();
            }
            let ended = yield_from!(asyncio::gather(&workers).return_exceptions());
            assert!(ended.iter().all(Result::is_err));
            assert!(workers.iter().all(asyncio::Task::cancelled));
        }
    }
    run(async {
        let crawler = Rc::new(Crawler {
            q: Queue::new(),
            seen: RefCell::default(),
        });
        for url in ["/", "/a", "/b"] {
            crawler.q.put_nowait(url).unwrap();
        }
        crawler.clone().crawl().await;
        assert_eq!(crawler.seen.borrow().len(), 3);
    });
}

/// The rows about several awaitables.
#[test]
fn handles_are_cloned_as_python_copies_references() {
    run(async {
        let g = asyncio::gather([sleep(100), sleep(200)]);
        let other = g.clone();
        assert_eq!(g, other);
        asyncio::get_running_loop().call_later(1, move || assert!(other.cancel()));
        assert!(catch_cancelled(g.clone()).await.is_err());
        assert!(g.done() && !g.cancelled());
        let both = asyncio::gather!(async { 1 }, async { "two" });
        assert_eq!(both.await, (1, "two"));
        let (a, b) = (create_task(async { 1 }), create_task(async { "two" }));
        let (done, pending) = asyncio::wait([a.any(), b.any()]).await;
        assert!(done.contains(&a.any()) && done.contains(&b.any()) && pending.is_empty());
        assert_eq!(((&a).await, (&a).await, b.await), (1, 1, "two"));
    });
}
