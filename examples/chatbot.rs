//! A generator that greets, is sent questions and answers them at random.
//!
//! ```text
//! cargo run --example chatbot -- [SEED]
//! ```

use asyncio::{Generator, StopIteration};

const ANSWERS: [&str; 5] = [
    "It is certain.",
    "Ask again later.",
    "Better not tell you now.",
    "My sources say no.",
    "Outlook good.",
];

/// Endless pseudo-random numbers: the same seed gives the same ones everywhere.
#[asyncio::coroutine]
fn numbers(mut seed: u64) -> Generator<usize> {
    loop {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        yield_!((seed >> 33) as usize);
    }
}

#[asyncio::coroutine]
fn chatbot(seed: u64) -> Generator<String, &'static str, u32> {
    let mut random = numbers(seed);
    let mut asked = 0;
    let mut answer = "Hello! What would you like to know?".to_owned();
    while let Some(question) = yield_!(answer) {
        asked += 1;
        let choice = ANSWERS[random.next().unwrap() % ANSWERS.len()];
        answer = format!("{question} {choice}");
    }
    return asked;
}

fn main() -> Result<(), StopIteration<u32>> {
    let seed = std::env::args()
        .nth(1)
        .map_or(2015, |seed| seed.parse().expect("SEED is a number"));
    let mut bot = chatbot(seed);
    println!("{}", bot.send(None)?);
    for question in [
        "Will it compile?",
        "Will it run?",
        "Is it fast?",
        "Is it Python?",
    ] {
        println!("{}", bot.send(question)?);
    }
    if let Err(StopIteration { value: Some(asked) }) = bot.send(None) {
        println!("Goodbye, that was {asked} questions.");
    }
    Ok(())
}
