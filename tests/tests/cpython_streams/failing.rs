//! Reads of a connection that is lost, and one that is cancelled.

use asyncio::{ReadError, catch_cancelled, create_task, run, sleep};

use super::Fed;

/// Closes the feeding end such that reading fails: what it has not read makes a reset of it.
async fn reset(fed: &Fed) {
    fed.writer.write("unread");
    sleep(0).await;
    fed.feed.abort();
    while fed.reader.read(100).await.is_ok() {
        sleep(0).await;
    }
}

/// Mirrors `test_streams.StreamTests.test_read_exception`.
#[test]
fn read_exception() {
    run(async {
        let fed = Fed::with(b"line\n", 1000).await;
        assert_eq!(fed.reader.read(2).await.unwrap(), b"li");
        reset(&fed).await;
        fed.reader.read(2).await.unwrap_err();
    });
}

/// Mirrors `test_streams.StreamTests.test_readline_exception`.
#[test]
fn readline_exception() {
    run(async {
        let fed = Fed::new(1000).await;
        reset(&fed).await;
        fed.reader.readline().await.unwrap_err();
    });
}

/// Mirrors `test_streams.StreamTests.test_readexactly_exception`.
#[test]
fn readexactly_exception() {
    run(async {
        let fed = Fed::new(1000).await;
        reset(&fed).await;
        assert!(matches!(
            fed.reader.readexactly(2).await,
            Err(ReadError::Io(_))
        ));
    });
}

/// Mirrors `test_streams.StreamTests.test_exception_waiter`.
#[test]
fn exception_waiter() {
    run(async {
        let fed = Fed::new(1000).await;
        let reader = fed.reader.clone();
        let waiting = create_task(async move { reader.readline().await.is_err() });
        sleep(0).await;
        // What is unread when it is closed makes a reset of it.
        fed.writer.write("unread");
        sleep(0).await;
        fed.feed.abort();
        assert!(waiting.await);
    });
}

/// Mirrors `test_streams.StreamTests.test_exception_cancel`.
#[test]
fn exception_cancel() {
    run(async {
        let fed = Fed::new(1000).await;
        let reader = fed.reader.clone();
        let reading = create_task(async move { reader.readline().await.unwrap() });
        sleep(0).await;
        reading.cancel();
        assert!(catch_cancelled(reading).await.is_err());
        // Nobody waits for it any more, and nothing is lost.
        fed.feed.write("line\n");
        assert_eq!(fed.reader.readline().await.unwrap(), b"line\n");
    });
}
