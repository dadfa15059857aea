//! The browser sees what it should, or none of the other tests could fail.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::chromium::{Browser, Look};

/// Serves one page to whoever asks for anything.
async fn serve(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let mut answer =
                "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n".to_owned();
            answer.push_str(
                "content-security-policy: default-src 'self'; connect-src *; img-src data:\r\n",
            );
            write!(
                answer,
                "content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    origin
}

const PAGE: &str = "<!doctype html><title>t</title><link rel=icon href=data:,>
<form><label>Reason <input name=reason></label><button>Go on</button></form>
<p hidden>not to be seen</p>";

#[tokio::test]
async fn it_finds_types_and_clicks_by_role_and_name() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let origin = serve(PAGE).await;
    let page = browser.page(Look::LIGHT).await;
    page.open(&origin).await;
    assert!(!page.text().await.contains("not to be seen"));
    assert!(page.find("button", "Go back").await.is_empty());

    page.fill("Reason", "so ist's & <gut>").await;
    page.click("button", "Go on").await;

    crate::harness::until("the form to be sent", || async {
        page.path()
            .await
            .contains("reason=so+ist%27s+%26+%3Cgut%3E")
            .then_some(())
    })
    .await;
    page.tab_to("textbox", "Reason", 2).await;
    page.assert_clean(&origin);
    assert_eq!(page.seen().documents, 2);
}

#[tokio::test]
async fn it_hears_of_policies_broken_scripts_that_fail_and_requests_to_others() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let origin = serve("<!doctype html><link rel=icon href=data:,><script>alert(1)</script>").await;
    let page = browser.page(Look::DARK).await;
    page.open(&origin).await;
    page.try_value("setTimeout(() => { throw new Error('planted') })")
        .await;
    page.try_value("fetch('http://example.org/x').catch(() => 0)")
        .await;

    let complaints = crate::harness::until("the complaints", || async {
        let complaints = page.seen().complaints.join("\n");
        let words = [
            "Content Security Policy",
            "planted",
            "ERR_NAME_NOT_RESOLVED",
        ];
        words
            .iter()
            .all(|word| complaints.contains(word))
            .then_some(complaints)
    });
    complaints.await;
    let requests = page.seen().requests.clone();
    assert!(
        requests.iter().any(|url| url == "http://example.org/x"),
        "{requests:?}"
    );
    let dark = page
        .try_value("matchMedia('(prefers-color-scheme: dark)').matches")
        .await;
    assert_eq!(dark, Some(true.into()));
}

#[tokio::test]
async fn a_picture_shows_what_is_in_sight() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let origin = serve(PAGE).await;
    let page = browser.page(Look::NARROW).await;
    page.open(&origin).await;
    page.until_it_says("Go on").await;

    let file = page.photograph("the browser itself").await;

    let picture = std::fs::read(file).unwrap();
    assert!(picture.starts_with(b"\x89PNG"), "{} bytes", picture.len());
    let width = u32::from_be_bytes(picture[16..20].try_into().unwrap());
    let height = u32::from_be_bytes(picture[20..24].try_into().unwrap());
    assert_eq!((width, height), (Look::NARROW.width, Look::NARROW.height));
}
