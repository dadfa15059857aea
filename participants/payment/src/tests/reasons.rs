//! Every notice leaves a line in the log that says what was made of it and why, and a row that says the same.

use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// What this thread logs: a test and the service that it has started are on one.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// Waits for a line with all of these words.
    async fn until(&self, words: &[&str]) {
        let started = tokio::time::Instant::now();
        loop {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let has_all = |line: &str| words.iter().all(|word| line.contains(word));
            if text.lines().any(has_all) {
                return;
            }
            assert!(started.elapsed() < LIMIT, "{words:?} in\n{text}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Waits for a row with that verdict, and answers its reason.
async fn kept(shop: &Shop, payment_no: &str, verdict: NoticeVerdict) -> String {
    let started = tokio::time::Instant::now();
    loop {
        let request = ListNoticesRequest {
            payment_no: payment_no.to_owned(),
            page_size: 500,
            ..ListNoticesRequest::default()
        };
        let notices = shop.api().list_notices(request).await.unwrap();
        let notices = notices.into_inner().notices;
        let found = notices.iter().find(|notice| notice.verdict() == verdict);
        if let Some(notice) = found {
            return notice.reason.clone();
        }
        assert!(started.elapsed() < LIMIT, "no {verdict:?}: {notices:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A notice that says what it says, whatever has become of the payment.
fn claim(outcome: ChargeState) -> NoticePlan {
    NoticePlan {
        outcome: outcome.into(),
        ..honest()
    }
}

#[tokio::test]
async fn what_was_made_of_a_notice_and_why_is_in_the_log() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    shop.start("p1", "o1", 500).await;
    let paid = || claim(ChargeState::Succeeded);
    let forged = NoticePlan {
        forged: true,
        ..paid()
    };
    let wrong_amount = NoticePlan {
        amount_cents: 1,
        ..paid()
    };
    let wrong_order = NoticePlan {
        order_no: "o2".to_owned(),
        ..paid()
    };
    let unknown = NoticePlan {
        payment_no: "p2".to_owned(),
        ..paid()
    };
    let rejected = "WARN";
    let absorbed = "INFO";
    // In this order: what is rejected changes nothing, so that the first right one still ends the payment.
    for (plan, payment_no, verdict, level, reason) in [
        (
            forged,
            "p1",
            NoticeVerdict::Forged,
            rejected,
            "the signature isn't the provider's",
        ),
        (
            wrong_amount,
            "p1",
            NoticeVerdict::WrongAmount,
            rejected,
            "the payment is of 500 cents",
        ),
        (
            wrong_order,
            "p1",
            NoticeVerdict::WrongOrder,
            rejected,
            "the payment is of order o1",
        ),
        (
            unknown,
            "p2",
            NoticeVerdict::Unknown,
            rejected,
            "no such payment was started here",
        ),
        (
            honest(),
            "p1",
            NoticeVerdict::Unreadable,
            rejected,
            "not a notice",
        ),
        (
            paid(),
            "p1",
            NoticeVerdict::Taken,
            absorbed,
            "the payment has ended so",
        ),
        (
            paid(),
            "p1",
            NoticeVerdict::Repeated,
            absorbed,
            "known already",
        ),
        (
            claim(ChargeState::Failed),
            "p1",
            NoticeVerdict::Late,
            absorbed,
            "the payment had succeeded before",
        ),
    ] {
        shop.end("p1", ChargeState::Unspecified, vec![plan]).await;
        assert_eq!(kept(&shop, payment_no, verdict).await, reason);
        let word = match verdict {
            NoticeVerdict::Forged => "forged notice rejected",
            verdict => verdict.as_str_name(),
        };
        let number = format!("payment_no=\"{payment_no}\"");
        lines.until(&[level, &number, word, reason]).await;
    }
    assert_eq!(shop.get("p1").await.0.state(), PaymentState::Succeeded);
}
