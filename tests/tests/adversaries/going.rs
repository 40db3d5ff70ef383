//! What runs as a task goes: destructors of its coroutine, of its value and of what waits in it look at the task
//! itself, wake, cancel, show and keep it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use asyncio::{AnyTask, Task, current_task, new_event_loop, sleep};

use super::{fill_memory, poll_held, settle, waiting};
use crate::common::{Counter, OnDrop};
use tests::logged;

/// How a task goes.
#[derive(Clone, Copy, Debug)]
enum Goes {
    Ends,
    Panics,
    Cancelled,
    WithItsLoop,
}

/// The coroutine's destructor does all that can be done with the task that it is.
#[test]
fn a_coroutine_meddles_with_its_own_task_as_it_goes() {
    for goes in [Goes::Ends, Goes::Panics, Goes::Cancelled, Goes::WithItsLoop] {
        let ((), _) = logged(|| {
            let event_loop = new_event_loop();
            let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
            let (waker, ran) = (Rc::new(RefCell::new(None::<Waker>)), Rc::new(Cell::new(0)));
            let meddles = OnDrop({
                let (own, waker, ran) = (own.clone(), waker.clone(), ran.clone());
                move || {
                    ran.set(ran.get() + 1);
                    let task = own.take().expect("it was made");
                    let another = task.clone();
                    let _ = format!("{task:?} {:?}", task.any());
                    task.cancel();
                    task.uncancel();
                    task.cancel_with("again");
                    task.set_name("other");
                    task.add_done_callback(|task| assert!(task.done()));
                    let waker = waker.take().expect("it was polled");
                    waker.wake_by_ref();
                    std::thread::scope(|scope| {
                        let waker = waker.clone();
                        scope.spawn(move || waker.wake());
                    });
                    waker.wake();
                    drop(task);
                    let _ = current_task().map(|current| current.cancelling());
                    drop(another);
                }
            });
            let seen = waker.clone();
            let task = event_loop.create_task(async move {
                let _meddles = meddles;
                poll_fn(|cx| {
                    *seen.borrow_mut() = Some(cx.waker().clone());
                    Poll::Ready(())
                })
                .await;
                match goes {
                    Goes::Ends => (),
                    Goes::Panics => panic!("on purpose"),
                    Goes::Cancelled | Goes::WithItsLoop => sleep(1000).await,
                }
            });
            *own.borrow_mut() = Some(task.clone());
            if !matches!(goes, Goes::WithItsLoop) {
                settle(&event_loop);
            }
            if matches!(goes, Goes::Cancelled) {
                task.cancel();
                settle(&event_loop);
            }
            if matches!(goes, Goes::WithItsLoop) {
                event_loop.run_until_complete(sleep(0));
            }
            drop(event_loop);
            assert_eq!(ran.get(), 1, "{goes:?}");
            let _filled = fill_memory();
            let _ = format!("{task:?}");
        });
    }
}

thread_local! {
    /// What the next waker does that goes.
    static ON_DROP: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
}

/// A waker that calls what there is in `ON_DROP` as it or a clone of it goes.
fn meddling_as_it_goes() -> Waker {
    const VTABLE: &RawWakerVTable = &RawWakerVTable::new(
        |_| RawWaker::new(std::ptr::null(), VTABLE),
        |_| (),
        |_| (),
        |_| {
            let call = ON_DROP.with(|calls| calls.borrow_mut().pop());
            if let Some(call) = call {
                call();
            }
        },
    );
    // SAFETY: its functions look at no data, and at what is each thread's own.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), VTABLE)) }
}

/// A task ends while something that it has polled is still suspended, under a waker that goes with what the task
/// knows of it: between its last step and its being done.
#[test]
fn a_waker_meddles_with_the_task_that_is_about_to_be_done() {
    asyncio::run(async {
        let (wait, meddled) = (waiting(), Rc::new(Cell::new(false)));
        let (polled, tells) = (wait.clone(), meddled.clone());
        let own: Rc<RefCell<Option<Task<String>>>> = Rc::default();
        let me = own.clone();
        let task = asyncio::create_task(async move {
            {
                let waker = meddling_as_it_goes();
                assert!(poll_held(&polled, &mut Context::from_waker(&waker)).is_pending());
            }
            let own = me.take().expect("it was made");
            let meddles = move || {
                assert!(!own.done());
                own.cancel();
                own.cancel_with("too late");
                own.set_name("other");
                let _ = format!("{own:?}");
                own.add_done_callback(|task| assert_eq!(*task.result(), "a value"));
                tells.set(true);
            };
            ON_DROP.with(|calls| calls.borrow_mut().push(Box::new(meddles)));
            "a value".to_owned()
        });
        *own.borrow_mut() = Some(task.clone());
        sleep(0).await;
        assert!(task.done() && meddled.get());
        drop(wait.take());
        for _ in 0..3 {
            sleep(0).await;
        }
        assert!(!task.cancelled());
        assert_eq!(task.await, "a value");
    });
}

/// The value's destructor finds its task gone, and a new one in its place.
#[test]
fn a_value_spawns_and_shows_as_its_task_goes() {
    asyncio::run(async {
        let spawned: Rc<RefCell<Vec<Task<()>>>> = Rc::default();
        let waker = Rc::new(RefCell::new(None::<Waker>));
        let (spawns, wakes, seen) = (spawned.clone(), waker.clone(), waker);
        let task = asyncio::create_task(poll_fn(move |cx| {
            *seen.borrow_mut() = Some(cx.waker().clone());
            let (spawns, wakes) = (spawns.clone(), wakes.clone());
            Poll::Ready(OnDrop(move || {
                let waker = wakes.take().expect("it was polled");
                waker.wake_by_ref();
                let all: Vec<AnyTask> = asyncio::all_tasks().into_iter().collect();
                let _ = format!("{all:?}");
                let task = asyncio::create_task(sleep(0));
                spawns.borrow_mut().push(task);
                waker.wake();
            }))
        }));
        sleep(0).await;
        assert!(task.done());
        drop(task);
        let spawned = spawned.take();
        assert_eq!(spawned.len(), 1);
        for task in spawned {
            task.await;
        }
    });
}

/// A borrow of the value that was forgotten keeps nobody from dropping it, nor the loop from going on.
#[test]
fn a_result_may_be_forgotten() {
    let counter = Counter::default();
    asyncio::run(async {
        let token = counter.token();
        let task = asyncio::create_task(async move { token });
        sleep(0).await;
        std::mem::forget(task.result());
        let _ = format!("{task:?}");
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(task)));
        assert!(dropped.is_ok());
        assert_eq!(counter.alive(), 0);
        // The same where the loop's is the last handle.
        let token = counter.token();
        let task = asyncio::create_task(async move { token });
        task.add_done_callback(|task| std::mem::forget(task.result()));
        drop(task);
        for _ in 0..3 {
            sleep(0).await;
        }
        assert_eq!(counter.alive(), 0);
    });
}
