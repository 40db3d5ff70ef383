//! A site that speaks TLS.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;

use async_net::TcpListener;
use crawl::crawling::{Crawler, Options};
use crawl::session::Session;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use futures_rustls::TlsAcceptor;
use futures_rustls::pki_types::{CertificateDer, PrivateKeyDer};
use futures_rustls::rustls::crypto::ring;
use futures_rustls::rustls::{RootCertStore, ServerConfig};
use rcgen::CertifiedKey;
use url::Url;

/// Serves one page at `https://localhost`, and returns its URL with the certificate.
async fn start() -> (Url, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = cert.der().clone();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    asyncio::create_task(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            // A client that does not trust us hangs up.
            let Ok(mut socket) = acceptor.accept(socket).await else {
                continue;
            };
            let mut request = [0; 1024];
            let _ = socket.read(&mut request).await;
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
            let _ = socket.write_all(answer.as_bytes()).await;
            let _ = socket.close().await;
        }
    });
    (
        format!("https://localhost:{port}/").parse().unwrap(),
        certificate,
    )
}

#[asyncio::test]
async fn a_page_is_fetched_over_tls() {
    let (url, certificate) = start().await;
    let mut authorities = RootCertStore::empty();
    authorities.add(certificate).unwrap();
    let session = Session::trusting(authorities);
    let crawler = Rc::new(Crawler::new([url], Options::default()).session(session));
    crawler.clone().crawl().await;
    assert_eq!(crawler.done()[0].size, 5, "{:?}", crawler.done());
}

#[asyncio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (url, _) = start().await;
    let crawler = Rc::new(Crawler::new([url], Options::default()));
    crawler.clone().crawl().await;
    let done = crawler.done();
    let exception = done[0].exception.as_ref().expect("it was not trusted");
    assert_eq!(exception.kind(), "connect");
    assert!(
        exception.to_string().contains("UnknownIssuer"),
        "{exception}"
    );
}
