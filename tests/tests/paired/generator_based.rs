//! Coroutines written with `yield_from!` and bare `yield_!()`, as CPython up to 3.10 had them.

use asyncio::{create_task, finally, gather, sleep, wait};
use tests::paired::py;
use tests::{log, paired};

paired!(yield_from_coroutine, {
    #[asyncio::coroutine]
    fn inner(x: i32) -> i32 {
        log!("inner {x}");
        yield_from!(sleep(1));
        return x + 1;
    }
    #[asyncio::coroutine]
    fn main() {
        log!("start");
        let value = yield_from!(inner(1));
        log!("got {value}");
    }
    main()
});

paired!(bare_yield_is_a_turn, {
    #[asyncio::coroutine]
    fn worker(name: &'static str) {
        for step in 0..3 {
            log!("{name} {step}");
            yield_!();
        }
    }
    #[asyncio::coroutine]
    fn main() {
        let a = create_task(worker("a"));
        let b = create_task(worker("b"));
        yield_from!(a);
        yield_from!(b);
        log!("end");
    }
    main()
});

paired!(yield_from_task_and_gather, {
    #[asyncio::coroutine]
    fn work(name: &'static str, delay: u32) -> &'static str {
        yield_from!(sleep(delay));
        log!("{name} done");
        name
    }
    #[asyncio::coroutine]
    fn main() {
        let task = create_task(work("a", 2));
        let values = yield_from!(gather([work("b", 3), work("c", 1)]));
        log!("gathered {}", values.join(" "));
        let value = yield_from!(task);
        log!("task {value}");
    }
    main()
});

paired!(old_and_new_together, {
    #[asyncio::coroutine]
    async fn new(x: i32) -> i32 {
        log!("new {x}");
        await_!(sleep(1));
        x * 2
    }
    #[asyncio::coroutine]
    fn old(x: i32) -> i32 {
        let value = yield_from!(new(x));
        log!("old {value}");
        yield_!();
        value + 1
    }
    #[asyncio::coroutine]
    async fn main() {
        log!("got {}", await_!(old(5)));
    }
    main()
});

paired!(old_cancelled, {
    #[asyncio::coroutine]
    fn cleanup() {
        log!("cleanup");
        yield_from!(sleep(1));
        yield_!();
        log!("clean");
    }
    #[asyncio::coroutine]
    fn main() {
        let task = create_task(finally(sleep(10), cleanup()));
        yield_from!(sleep(1));
        log!("cancel {}", py(task.cancel()));
        yield_from!(wait([task.clone()]));
        log!("end {}", py(task.cancelled()));
    }
    main()
});
