//! The soak in small. One test, alone in its process: it changes the limit of descriptors, and looks at
//! how many there are.
#![cfg(target_os = "linux")]

use soak::{Plan, chat, echo, http, measure};

#[asyncio::test(virtual_clock)]
async fn crowds_among_unfair_peers_are_served_and_nothing_is_left_of_them() {
    let plan = Plan {
        clients: 200.min(measure::most_connections()),
        unfair: 5,
        rounds: 3,
        seed: 1,
    };
    echo::soak(&plan).await.unwrap();
    chat::soak(&plan).await.unwrap();
    http::soak(&plan).await.unwrap();
}
