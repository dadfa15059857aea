//! What other sites, scripts that were let in, and forged forms come to.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::chromium::Look;
use crate::world::{World, is_parked};

/// One request as it stands, and its whole answer.
async fn ask(world: &World, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(&world.coordinator.http).await.unwrap();
    let length = body.len();
    let request = format!("{head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn forms_that_are_not_ours_are_refused() {
    let Some(world) = World::start().await else {
        return;
    };
    world.parked("order-1", "1001").await;
    let (origin, host) = (world.origin(), world.coordinator.http.clone());
    let path = "POST /transaction/resume HTTP/1.1";
    let form = "gid=order-1&name=Eve&reason=x";

    // Without a token, with one but no cookie, from elsewhere, under another name.
    let own = format!("{path}\r\nhost: {host}\r\norigin: {origin}");
    assert_eq!(status(&ask(&world, &own, form).await), "403");
    let cookie = format!("{own}\r\ncookie: tercet-console={}", "a".repeat(64));
    assert_eq!(status(&ask(&world, &cookie, form).await), "403");
    let forged = format!("{form}&token={}", "0".repeat(64));
    assert_eq!(status(&ask(&world, &cookie, &forged).await), "403");
    let foreign = format!("{path}\r\nhost: {host}\r\norigin: http://evil.example");
    assert_eq!(status(&ask(&world, &foreign, form).await), "403");
    let nameless = format!("{path}\r\nhost: {host}");
    assert_eq!(status(&ask(&world, &nameless, form).await), "403");
    let renamed = format!("{path}\r\nhost: evil.example\r\norigin: http://evil.example");
    assert_eq!(status(&ask(&world, &renamed, form).await), "421");
    let read = "GET / HTTP/1.1\r\nhost: evil.example";
    assert_eq!(status(&ask(&world, read, "").await), "421");

    assert!(is_parked(&world.get("order-1").await));
    assert!(world.audit("order-1").await.is_empty());
    let page = ask(&world, &format!("GET / HTTP/1.1\r\nhost: {host}"), "").await;
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'",
        "x-content-type-options: nosniff",
        "referrer-policy: same-origin",
        "cache-control: no-store",
    ] {
        assert!(page.contains(header), "{header}: {page}");
    }
}

#[tokio::test]
async fn a_form_needs_no_script() {
    let Some(world) = World::start().await else {
        return;
    };
    world.parked("order-1", "1001").await;
    let (origin, host) = (world.origin(), world.coordinator.http.clone());
    let between = |text: &str, from: &str, to: &str| {
        let rest = text.split_once(from).unwrap().1;
        rest.split_once(to).unwrap().0.to_owned()
    };

    let read = format!("GET /transaction?gid=order-1 HTTP/1.1\r\nhost: {host}");
    let page = ask(&world, &read, "").await;
    let cookie = between(&page, "set-cookie: ", ";");
    let token = between(&page, "name=\"token\" value=\"", "\"");
    let request = format!(
        "POST /transaction/resume HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\ncookie: {cookie}"
    );
    let form = format!("gid=order-1&reason=stock+is+back&token={token}");
    let unnamed = ask(&world, &request, &form).await;
    assert_eq!(status(&unnamed), "400");
    assert!(unnamed.contains("Say who you are"), "{unnamed}");
    let sent = ask(&world, &request, &format!("{form}&name=Anna")).await;

    assert_eq!(status(&sent), "303", "{sent}");
    assert!(sent.contains("location: /transaction?gid=order-1&done=resume"));
    assert!(sent.contains("tercet-name=Anna"));
    let record = world.audit("order-1").await.swap_remove(0);
    assert_eq!(record.reason, "stock is back");
    assert!(record.who.contains("Anna"), "{}", record.who);
}

#[tokio::test]
async fn what_others_have_written_is_text_and_nothing_else() {
    let Some(world) = World::start().await else {
        return;
    };
    let evil = "<script>document.title='stolen'</script><img/src=x/onerror=alert(1)>";
    world.begin(evil, evil).await;
    for path in ["/transactions", "/audit?gid=%3Cb%3E", "/find?q=%3Cb%3E"] {
        let page = world.open(Look::LIGHT, path).await;
        page.until_it_says("Tercet").await;
        assert!(!page.text_of("document.title").await.contains("stolen"));
        let planted =
            "document.querySelectorAll('img:not(.brand img), main script, main b').length";
        assert_eq!(page.try_value(planted).await, Some(0.into()), "{path}");
    }
    let page = world.open(Look::LIGHT, "/transactions").await;
    page.click("link", evil).await;
    page.until_it_says("What you may do").await;
    assert!(page.text().await.contains(evil));
    page.until_it_says("Live").await;
    page.assert_clean(&world.origin());
}

#[tokio::test]
async fn streams_are_bounded_and_the_next_page_says_that_it_is_not_current() {
    let Some(world) = World::start().await else {
        return;
    };
    let host = &world.coordinator.http;
    let mut open = Vec::new();
    for _ in 0..32 {
        let mut stream = TcpStream::connect(host).await.unwrap();
        let request = format!("GET /live/overview HTTP/1.1\r\nhost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        open.push(stream);
    }
    let refused = ask(
        &world,
        &format!("GET /live/overview HTTP/1.1\r\nhost: {host}"),
        "",
    )
    .await;
    assert_eq!(status(&refused), "503", "{refused}");
    let page = world.open(Look::LIGHT, "/").await;
    page.until_it_says("Not current").await;
    drop(open);
    page.until_it_says("Live").await;
}

#[tokio::test]
async fn an_open_page_does_not_hold_up_the_drain() {
    let Some(world) = World::start().await else {
        return;
    };
    let page = world.open(Look::LIGHT, "/").await;
    page.until_it_says("Live").await;

    world.coordinator.terminate();

    page.until_it_says("Not current").await;
    let (status, _) = world.coordinator.ended().await;
    assert!(status.success(), "{status}");
}
