//! The manual, which is the documentation of `#[asyncio::coroutine]`, quotes what the macros say, all of it, as it is said.

use std::fs;
use std::path::Path;

const MANUAL: &str = include_str!("../../../macros/src/messages.md");

/// What is quoted; an ellipsis at the end stands for the rest of the message.
fn quoted() -> Vec<&'static str> {
    MANUAL
        .split('"')
        .skip(1)
        .step_by(2)
        .map(|quote| quote.trim_end_matches('…'))
        .collect()
}

/// The errors of ours that are recorded: those without a code, but for what the compiler says without one.
fn recorded() -> Vec<String> {
    const THE_COMPILERS: [&str; 11] = [
        "`#[coroutine]` attribute cannot be used",
        "cannot find attribute `async_for`",
        "`for...else` loops are not supported",
        "expected `;`, found",
        "expected one of `",
        "future cannot be sent between threads safely",
        "incorrect use of `await`",
        "lifetime may not live long enough",
        "unused `asyncio::Coroutine` that must be used",
        "unused `Sleep` that must be used",
        "aborting due to",
    ];
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/fail");
    let mut messages = Vec::new();
    for case in fs::read_dir(cases).expect("the cases are there") {
        let path = case.expect("the cases can be read").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "stderr")
        {
            let text = fs::read_to_string(path).expect("a recording is text");
            let errors = text.lines().filter_map(|line| line.strip_prefix("error: "));
            messages.extend(errors.map(str::to_owned));
        }
    }
    messages.retain(|message| !THE_COMPILERS.iter().any(|known| message.starts_with(known)));
    messages
}

/// What it quotes of the compiler's.
const OF_THE_COMPILER: &str = include_str!("../../../macros/src/compiler.md");

#[test]
fn what_the_manual_quotes_of_the_compiler_is_what_it_says() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/fail");
    let recordings: Vec<String> = fs::read_dir(cases)
        .expect("the cases are there")
        .map(|case| case.expect("the cases can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "stderr")
        })
        .map(|path| fs::read_to_string(path).expect("a recording is text"))
        .collect();
    let quotes: Vec<&str> = OF_THE_COMPILER.split('"').skip(1).step_by(2).collect();
    assert!(quotes.len() > 15, "{quotes:?}");
    for quote in quotes {
        assert!(
            recordings.iter().any(|text| text.contains(quote)),
            "the compiler does not say {quote:?}"
        );
    }
}

#[test]
fn what_the_manual_quotes_is_what_is_said() {
    let recorded = recorded();
    let quoted = quoted();
    assert!(quoted.len() > 40, "{quoted:?}");
    for quote in quoted {
        assert!(
            recorded.iter().any(|message| message.starts_with(quote)),
            "nobody says {quote:?}"
        );
    }
}

#[test]
fn what_is_said_is_explained_in_the_manual() {
    let quoted = quoted();
    // Told with another argument's name.
    let is_argument = |message: &str| message.starts_with("no argument `");
    for message in recorded() {
        assert!(
            is_argument(&message) || quoted.iter().any(|quote| message.starts_with(quote)),
            "the manual does not explain {message:?}"
        );
    }
}
