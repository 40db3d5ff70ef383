//! The server and the client, with each other and with less civil peers.

use std::time::Duration;

use asyncio::testing::block;
use asyncio::{create_task, gather, open_connection, sleep};
use examples::peers::python_program;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use web::client::{FetchError, ask, client, fetch_all};
use web::server::{HttpServer, Options};

const HOST: &str = "127.0.0.1";

async fn start() -> HttpServer {
    HttpServer::start(HOST, 0, Options::default())
        .await
        .unwrap()
}

fn get(url: String) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

#[asyncio::test]
async fn requests_share_connections_and_no_more_than_the_semaphore_lets() {
    let server = start().await;
    let urls = (0..100).map(|n| server.url(&format!("/page/{n}")));
    let fetched = fetch_all(urls.collect(), 5, 60.0).await;
    for (n, fetched) in fetched.into_iter().enumerate() {
        let (status, body) = fetched.unwrap();
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body, format!("page {n}\n"));
    }
    assert_eq!(server.requests(), 100);
    // One that is given back a moment too late costs another.
    assert!(server.connections() < 20, "{}", server.connections());
    assert!(!server.shut_down().await);
}

#[asyncio::test]
async fn what_goes_wrong_is_told_of_its_url_alone() {
    let server = start().await;
    let gone = start().await;
    let refused = gone.url("/");
    gone.shut_down().await;
    let urls = vec![
        server.url("/"),
        server.url("/nowhere"),
        refused,
        "no url".to_owned(),
    ];
    let fetched = fetch_all(urls, 10, 60.0).await;
    assert!(matches!(&fetched[0], Ok((StatusCode::OK, body)) if body == "hello\n"));
    assert!(matches!(&fetched[1], Ok((StatusCode::NOT_FOUND, _))));
    let error = fetched[2].as_ref().unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(matches!(&fetched[3], Err(FetchError::Url(_))));
    server.shut_down().await;
}

#[asyncio::test(virtual_clock)]
async fn an_answer_that_takes_too_long_is_given_up() {
    let server = start().await;
    let fetching = create_task(fetch_all(vec![server.url("/slow/100")], 1, 10.0));
    while server.requests() == 0 {
        sleep(0).await;
    }
    block(11);
    let fetched = fetching.await;
    assert!(matches!(fetched[0], Err(FetchError::Timeout)));
    // Its connection was closed with it: nothing is left to wait for.
    assert!(!server.shut_down().await);
}

#[asyncio::test]
async fn a_body_of_megabytes_comes_back_as_it_goes() {
    let server = start().await;
    let client = client(Duration::from_secs(30));
    let bodies = (0..4_u8).map(|n| Bytes::from(vec![n; 3_000_000]));
    let answers = bodies.map(|body| {
        let (client, url) = (client.clone(), server.url("/echo"));
        async move {
            let request = Request::post(url).body(Full::from(body.clone())).unwrap();
            let (status, echo) = ask(&client, request).await.unwrap();
            assert_eq!(status, StatusCode::OK);
            assert!(echo == body);
        }
    });
    gather(answers).await;
    server.shut_down().await;
}

#[asyncio::test]
async fn a_stop_lets_the_request_end_and_closes_what_is_idle() {
    let server = start().await;
    let client = client(Duration::from_secs(30));
    // One connection that is kept and idle, and one in the middle of a request.
    ask(&client, get(server.url("/"))).await.unwrap();
    let (reader, writer) = open_connection(HOST, server.port()).await.unwrap();
    writer.write("POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\nhello");
    while server.requests() < 2 {
        sleep(0).await;
    }
    let stopping = create_task({
        let server = server.clone();
        async move { server.shut_down().await }
    });
    for _ in 0..100 {
        sleep(0).await;
    }
    assert!(!stopping.done());
    writer.write("world");
    let answer = reader.read_to_end().await.unwrap();
    assert!(String::from_utf8(answer).unwrap().contains("hello"));
    assert!(!stopping.await);
}

#[asyncio::test(virtual_clock)]
async fn a_request_that_does_not_end_within_the_grace_is_aborted() {
    let server = start().await;
    let (reader, writer) = open_connection(HOST, server.port()).await.unwrap();
    writer.write("GET /slow/1000 HTTP/1.1\r\nHost: here\r\n\r\n");
    while server.requests() == 0 {
        sleep(0).await;
    }
    let stopping = create_task({
        let server = server.clone();
        async move { server.shut_down().await }
    });
    sleep(0).await;
    block(Options::default().grace + 0.1);
    assert!(stopping.await);
    assert_eq!(reader.read_to_end().await.unwrap(), b"");
}

#[asyncio::test(virtual_clock)]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let server = start().await;
    let (reader, writer) = open_connection(HOST, server.port()).await.unwrap();
    writer.write("GET / HTTP/1.1\r\nHost: he");
    while server.connections() == 0 {
        sleep(0).await;
    }
    for _ in 0..100 {
        sleep(0).await;
    }
    block(Options::default().head + 0.1);
    let answer = reader.read_to_end().await.unwrap();
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"),
        "{answer:?}"
    );
    assert!(!server.shut_down().await);
}

#[asyncio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = start().await;
    let (reader, writer) = open_connection(HOST, server.port()).await.unwrap();
    for n in 0..20 {
        writer.write(format!("GET /page/{n} HTTP/1.1\r\nHost: here\r\n\r\n"));
    }
    let mut pages = Vec::new();
    while pages.len() < 20 {
        let line = String::from_utf8(reader.readline().await.unwrap()).unwrap();
        if let Some(n) = line.strip_prefix("page ") {
            pages.push(n.trim_end().parse::<u32>().unwrap());
        }
    }
    assert_eq!(pages, Vec::from_iter(0..20));
    assert_eq!(server.connections(), 1);
    server.shut_down().await;
}

#[asyncio::test]
async fn what_is_not_http_is_refused_and_an_oversize_head_too() {
    let server = start().await;
    for sent in [
        "hello\r\n\r\n".to_owned(),
        format!(
            "GET / HTTP/1.1\r\nHost: here\r\nX-Long: {}\r\n\r\n",
            "x".repeat(1_000_000)
        ),
    ] {
        let (reader, writer) = open_connection(HOST, server.port()).await.unwrap();
        writer.write(sent);
        // Of the oversize one not all is read, so that the end may be a reset.
        if let Ok(answer) = reader.read_to_end().await {
            assert!(answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
        }
    }
    assert_eq!(server.requests(), 0);
    assert!(!server.shut_down().await);
}

#[asyncio::test]
async fn cpythons_client_fetches_all() {
    let server = start().await;
    let urls = (0..50).map(|n| server.url(&format!("/page/{n}")));
    let Some(mut client) = python_program("fetch_all", urls) else {
        return;
    };
    let output = asyncio::to_thread(move || client.output().unwrap()).await;
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), 50);
    assert!(said.lines().all(|line| line.starts_with("200 ")), "{said}");
    assert!(!server.shut_down().await);
}
