//! The cache: our server and client with each other, with CPython's, and with what is not fair.

use std::rc::Rc;

use asyncio::testing::block;
use asyncio::{
    Server, StreamReader, StreamWriter, TimeoutError, create_task, gather, open_connection, sleep,
    wait_for,
};
use examples::peers::{Running, python_program};
use services::cache::client::CacheClient;
use services::cache::server::{Cache, Options};
use services::stopping::shut_down;

const HOST: &str = "127.0.0.1";

async fn serve(options: Options) -> (Server, u16) {
    let server = Cache::new(options).serve(HOST, 0).await.unwrap();
    let port = server.addresses()[0].port();
    (server, port)
}

async fn connect(options: Options) -> (Server, StreamReader, StreamWriter) {
    let (server, port) = serve(options).await;
    let (reader, writer) = open_connection(HOST, port).await.unwrap();
    (server, reader, writer)
}

fn frame(id: u32, request: &str) -> String {
    format!("request {id} {}\n{request}", request.len())
}

/// What the server says to all of this, up to its end.
async fn answer(sent: impl AsRef<[u8]>) -> String {
    let (server, reader, writer) = connect(Options::default()).await;
    writer.write(sent);
    writer.write_eof();
    let all = reader.read_to_end().await.unwrap();
    shut_down(&server, 1.0).await;
    String::from_utf8(all).unwrap()
}

#[asyncio::test]
async fn pipelined_requests_are_answered_in_order() {
    let sent = [
        r#"{"type": "get", "key": "a"}"#,
        r#"{"type": "set", "key": "a", "value": "caf\u00e9"}"#,
        r#"{"type": "get", "key": "a"}"#,
        r#"{"type": "delete", "key": "a"}"#,
        r#"{"type": "delete", "key": "a"}"#,
    ];
    let sent: String = sent
        .iter()
        .zip(1..)
        .map(|(request, id)| frame(id, request))
        .collect();
    let expected = "response 1 23\r\n{\"status\":\"notfound\"}\r\n\
         response 2 17\r\n{\"status\":\"ok\"}\r\n\
         response 3 33\r\n{\"status\":\"ok\",\"value\":\"café\"}\r\n\
         response 4 17\r\n{\"status\":\"ok\"}\r\n\
         response 5 23\r\n{\"status\":\"notfound\"}\r\n";
    assert_eq!(answer(sent).await, expected);
}

#[asyncio::test]
async fn a_request_that_makes_no_sense_gets_an_error_and_the_next_one_its_answer() {
    for (request, complaint) in [
        ("[]", "request is not a dict"),
        ("{}", "no type in request"),
        (r#"{"type": "steal"}"#, "unknown request type"),
        (r#"{"type": "get", "key": 1}"#, "key is not a string"),
        (
            r#"{"type": "set", "key": "a", "value": null}"#,
            "value is not a string",
        ),
    ] {
        let next = frame(2, r#"{"type": "get", "key": "a"}"#);
        let answer = answer(frame(1, request) + &next).await;
        assert!(
            answer.contains(&format!("{{\"error\":\"{complaint}\"}}")),
            "{answer}"
        );
        assert!(
            answer.ends_with("{\"status\":\"notfound\"}\r\n"),
            "{answer}"
        );
    }
}

#[asyncio::test]
async fn what_is_no_frame_is_the_end_of_the_connection() {
    let next = frame(1, r#"{"type": "get", "key": "a"}"#);
    for (sent, complaint) in [
        ("hello\n", "unparseable frame"),
        ("request 1\n", "unparseable frame"),
        ("\n", "unparseable frame"),
        ("response 1 2\n", "frame does not start with request"),
        ("request one 2\n", "unparsable frame parameters"),
        ("request 1 -2\n", "unparsable frame parameters"),
        ("request 2 2\n", "invalid frame parameters"),
        ("request 1 1\n", "invalid frame parameters"),
        ("request 1 99999999999\n", "invalid frame parameters"),
        ("request 1 2\n{]", "unparsable json"),
    ] {
        let answer = answer(format!("{sent}{next}")).await;
        assert_eq!(answer, format!("error {complaint}\r\n"), "{sent}");
    }
}

#[asyncio::test]
async fn a_request_that_breaks_off_and_a_line_without_end_are_the_end_of_the_connection() {
    assert_eq!(answer("request 1 20\n{\"type\"").await, "");
    assert_eq!(answer(vec![b'x'; 100_000]).await, "");
}

#[asyncio::test(virtual_clock)]
async fn an_idle_client_is_disconnected() {
    for sent in ["", "request 2 20\n{\"type\""] {
        let (server, reader, writer) = connect(Options::default()).await;
        writer.write(frame(1, "{}"));
        reader.readline().await.unwrap();
        reader.readline().await.unwrap();
        writer.write(sent);
        for _ in 0..100 {
            sleep(0).await;
        }
        block(5.1);
        assert_eq!(reader.read(1).await.unwrap(), b"");
        shut_down(&server, 1.0).await;
    }
}

/// Each task sets, gets and deletes its own key, over one connection.
async fn use_cache(cache: &Rc<CacheClient>, tasks: u32, rounds: u32) {
    let users = (0..tasks).map(|label| {
        let cache = Rc::clone(cache);
        async move {
            let key = format!("foo-{label}");
            for round in 0..rounds {
                let value = format!("hello {round}");
                assert!(cache.set(&key, &value).await.unwrap());
                assert_eq!(cache.get(&key).await.unwrap(), Some(value));
                // Whether there was one is not known, if the connection was lost meanwhile.
                cache.delete(&key).await.unwrap();
                assert_eq!(cache.get(&key).await.unwrap(), None);
            }
        }
    });
    gather(users).await;
}

#[asyncio::test]
async fn the_client_gets_over_failures_and_every_request_gets_its_answer() {
    let (server, port) = serve(Options {
        fail_percent: 5.0,
        ..Options::default()
    })
    .await;
    let cache = Rc::new(CacheClient::new(HOST, port, 5));
    use_cache(&cache, 20, 10).await;
    assert!(cache.reconnects() > 5, "{}", cache.reconnects());
    drop(cache);
    shut_down(&server, 1.0).await;
}

#[asyncio::test(virtual_clock)]
async fn the_client_waits_for_a_server_that_comes_late() {
    let (server, port) = serve(Options::default()).await;
    shut_down(&server, 1.0).await;
    let cache = Rc::new(CacheClient::new(HOST, port, 5));
    assert_eq!(wait_for(cache.get("a"), 60).await.err(), Some(TimeoutError));
    // 1, 2, 4, 5, 5 .. seconds.
    assert!(
        (12..=16).contains(&cache.reconnects()),
        "{}",
        cache.reconnects()
    );
    let server = Cache::new(Options::default()).serve(HOST, port);
    let server = server.await.unwrap();
    use_cache(&cache, 2, 2).await;
    drop(cache);
    shut_down(&server, 1.0).await;
}

#[asyncio::test]
async fn a_request_that_is_given_up_does_not_take_the_answer_of_another() {
    let (server, port) = serve(Options::default()).await;
    let cache = Rc::new(CacheClient::new(HOST, port, 5));
    cache.set("a", "1").await.unwrap();
    cache.set("b", "2").await.unwrap();
    for _ in 0..20 {
        let given_up = create_task({
            let cache = Rc::clone(&cache);
            async move { cache.get("b").await.unwrap() }
        });
        // It is sent, and an answer will come.
        sleep(0).await;
        assert!(given_up.cancel());
        assert_eq!(cache.get("a").await.unwrap().as_deref(), Some("1"));
        assert!(given_up.cancelled());
    }
    assert_eq!(cache.reconnects(), 0);
    drop(cache);
    shut_down(&server, 1.0).await;
}

#[asyncio::test]
async fn our_client_uses_cpythons_server_which_fails_now_and_then() {
    let args = ["--host", HOST, "--port", "0", "--fail_every", "17"];
    let Some(mut command) = python_program("cache_server", args) else {
        return;
    };
    let mut server = Running::start(&mut command);
    let cache = Rc::new(CacheClient::new(HOST, server.address().port(), 1));
    use_cache(&cache, 10, 5).await;
    assert!(cache.reconnects() > 5, "{}", cache.reconnects());
}

#[asyncio::test]
async fn cpythons_client_uses_our_server_which_fails_now_and_then() {
    let (server, port) = serve(Options {
        fail_percent: 5.0,
        ..Options::default()
    })
    .await;
    let port = port.to_string();
    let args = ["--host", HOST, "--port", &port, "--rounds", "10"].map(str::to_owned);
    let Some(mut client) = python_program("cache_client", args) else {
        return;
    };
    let output = asyncio::to_thread(move || client.output().unwrap()).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.starts_with("100 ok, 0 timeouts, 0 wrong, "), "{said}");
    assert!(!said.contains(" 0 reconnects"), "{said}");
    shut_down(&server, 1.0).await;
}
