//! Fuzz tester for `as_completed`, after the one by Glenn Langford in the first asyncio.
//!
//! Tasks that sleep for all kinds of times must come out in the order in which they end. It takes a
//! while; with `ASYNCIO_CLOCK=virtual` in the environment it does not.
//!
//! ```text
//! cargo run --example as_completed_fuzz -- [SEED]
//! ```

use asyncio::Task;

/// In tenths of a second.
type Time = u32;

#[asyncio::coroutine]
fn sleeper(time: Time) -> Time {
    yield_from!(asyncio::sleep(f64::from(time) / 10.0));
    time
}

#[asyncio::coroutine]
fn watcher(tasks: Vec<Task<Time>>, mut delay: Option<fastrand::Rng>) {
    let mut res = Vec::new();
    for t in asyncio::as_completed(tasks) {
        let r = yield_from!(t);
        res.push(r);
        if let Some(random) = &mut delay {
            // simulate processing delay
            let process_time = random.f64() / 10.0;
            yield_from!(asyncio::sleep(process_time));
        }
    }
    if !res.is_sorted() {
        println!("FAIL {res:?}");
        println!("------------");
    } else {
        print!(".");
    }
}

/// All orders of some times.
fn permutations(times: &[Time]) -> Vec<Vec<Time>> {
    let [first, rest @ ..] = times else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for rest in permutations(rest) {
        for place in 0..=rest.len() {
            let mut times = rest.clone();
            times.insert(place, *first);
            all.push(times);
        }
    }
    all
}

fn main() {
    let seed = match std::env::args().nth(1).map(|seed| seed.parse()) {
        None => 2014,
        Some(Ok(seed)) => seed,
        Some(Err(error)) => {
            eprintln!("usage: as_completed_fuzz [SEED]\nSEED: {error}");
            std::process::exit(2);
        }
    };
    let mut random = fastrand::Rng::with_seed(seed);
    let loop_ = asyncio::get_event_loop();
    let sleepers = |times: &[Time]| -> Vec<_> {
        let tasks = times.iter().map(|&t| loop_.create_task(sleeper(t)));
        tasks.collect()
    };

    println!("Pass 1");
    // All permutations of discrete task running times must be returned
    // by as_completed in the correct order.
    for times in permutations(&[0, 1, 2, 3, 4]) {
        loop_.run_until_complete(watcher(sleepers(&times), None));
    }

    println!();
    println!("Pass 2");
    // Longer task times, with randomized duplicates. 100 tasks each time.
    let mut task_times: Vec<Time> = (0..30).cycle().take(300).collect();
    for _ in 0..20 {
        random.shuffle(&mut task_times);
        loop_.run_until_complete(watcher(sleepers(&task_times[..100]), None));
    }

    println!();
    println!("Pass 3");
    // Same as pass 2, but with a random processing delay (0 - 0.1s) after
    // retrieving each future from as_completed and 200 tasks. This tests whether
    // the order that callbacks are triggered is preserved through to the
    // as_completed caller.
    for _ in 0..20 {
        random.shuffle(&mut task_times);
        let delay = Some(random.fork());
        loop_.run_until_complete(watcher(sleepers(&task_times[..200]), delay));
    }

    println!();
    loop_.close();
}
