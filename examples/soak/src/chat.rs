//! The chat room.

use std::io;
use std::rc::Rc;

use asyncio::{StreamReader, create_task};
use futures::AsyncReadExt;
use services::chat::{Options, Room};
use services::stopping::shut_down;

use crate::{Crowd, Figures, HOST, Plan, round, settle, until, without_descriptors};

/// How many lines each says.
const LINES: usize = 3;

async fn line(reader: &StreamReader) -> io::Result<String> {
    let line = reader.readline().await?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// Says its lines, and hears those of all others, in order and once.
async fn client(crowd: Crowd, n: usize, others: usize) -> io::Result<()> {
    let (reader, writer) = crowd.connect().await?;
    writer.write(format!("fair{n}\n"));
    loop {
        let heard = line(&reader).await?;
        assert!(
            !heard.is_empty() && !heard.contains("error"),
            "fair{n}: {heard:?}"
        );
        if heard.starts_with("* welcome") {
            break;
        }
    }
    crowd.gathered().await;
    for said in 0..LINES {
        writer.write(format!("line {said}\n"));
    }
    let mut next = vec![0; others + 1];
    let mut missing = others * LINES;
    while missing > 0 {
        let heard = line(&reader).await?;
        assert!(!heard.is_empty(), "fair{n} was thrown out");
        let Some((name, said)) = heard.split_once(": line ") else {
            continue;
        };
        // Whoever makes noise may speak, too.
        let speaker = name
            .strip_prefix("fair")
            .and_then(|n| n.parse::<usize>().ok());
        if let (Some(speaker), Ok(said)) = (speaker, said.parse::<usize>()) {
            assert_eq!(said, next[speaker], "of fair{speaker}");
            next[speaker] += 1;
            missing -= 1;
        }
    }
    assert_eq!(next[n], 0);
    // Those who are through leave; the others still hear what they have said.
    writer.write("/quit\n");
    while !line(&reader).await?.is_empty() {}
    Ok(())
}

/// Runs it.
///
/// # Errors
///
/// When a client is not served.
///
/// # Panics
///
/// When it is not served rightly, or something is left of it.
pub async fn soak(plan: &Plan) -> io::Result<()> {
    let tasks = asyncio::all_tasks().len();
    // Everybody speaks to everybody, so there are fewer.
    let plan = Plan {
        clients: (plan.clients / 10).clamp(20, 400),
        ..*plan
    };
    let options = Options {
        // What all say and hear of each other's coming and going, and what makes noise.
        backlog: plan.clients * (LINES + 2) + plan.unfair * 100,
        patience: 3.0,
        limit: 1024,
        rate: 20,
    };
    let room = Room::new(options);
    let server = Rc::clone(&room).serve(&HOST.to_string(), 0).await?;
    let port = server.addresses()[0].port();
    let mut figures = Figures::new("chat", &plan);
    while let Some(n) = figures.next_round() {
        let client = |crowd, n| client(crowd, n, plan.clients - 1);
        round(&plan, port, plan.seed + n, client).await?;
        assert_eq!(room.names(), Vec::<String>::new());
        without_descriptors(port, |mut socket| async move {
            let mut heard = [0; 13];
            socket.read_exact(&mut heard).await?;
            assert_eq!(&heard, b"* your name?\n");
            Ok(())
        })
        .await?;
        figures.take();
    }
    figures.assert_flat();

    // In the middle of it: one that is there, and one that has not said its name.
    let crowd = Crowd::new(port, 0);
    let there = crowd.connect().await?;
    there.1.write("ann\n");
    let nameless = crowd.connect().await?;
    until("ann is there", || room.names() == ["ann"]).await;
    let stopped = create_task(async move { shut_down(&server, 3.0).await });
    settle(tasks).await;
    assert!(stopped.done());
    assert_eq!(room.names(), Vec::<String>::new());
    drop((there, nameless));
    Ok(())
}
