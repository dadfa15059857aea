//! What was compared, what wasn't, and what was found: as text and as one document.

use serde_json::{Value, json};

use super::finding::{Finding, Findings, Outcome};
use crate::render::style::Style;

/// How many of something were compared.
#[derive(Debug)]
pub(super) struct Compared {
    what: String,
    count: u64,
}

impl Compared {
    pub(super) fn new(what: impl Into<String>, count: u64) -> Self {
        let what = what.into();
        Self { what, count }
    }
}

/// The outcome of one run.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) compared: Vec<Compared>,
    skipped: Vec<(String, String)>,
    pub(super) findings: Findings,
}

impl Report {
    /// Says that something couldn't be compared.
    pub(super) fn skip(&mut self, what: String, why: &str) {
        self.skipped.push((what, why.to_owned()));
    }

    /// Whether everything was compared and agrees now. A service that has no such interface can't be held to it.
    pub(super) fn agrees(&self) -> bool {
        let is_mended = |finding: &Finding| finding.outcome == Outcome::Mended;
        self.unread().next().is_none()
            && self.findings.more() == 0
            && self.findings.kept().iter().all(is_mended)
    }

    /// A line for each thing that is wrong.
    pub(super) fn lines(&self) -> Vec<String> {
        let unread = self
            .unread()
            .map(|(what, why)| format!("{what} wasn't compared: {why}"));
        let found = self.findings.kept().iter();
        let found = found.map(|it| format!("{}: {}: {}", it.kind.name(), it.about(), it.why));
        unread.chain(found).collect()
    }

    /// What couldn't be compared, but for what a service doesn't offer.
    fn unread(&self) -> impl Iterator<Item = &(String, String)> {
        self.skipped
            .iter()
            .filter(|(_, why)| !why.starts_with("it has no "))
    }

    /// For people.
    pub(super) fn text(&self, style: Style) -> String {
        let mut lines: Vec<String> = self
            .compared
            .iter()
            .map(|it| format!("  {} {} {}", style.faint("compared"), it.count, it.what))
            .collect();
        for (what, why) in &self.skipped {
            lines.push(format!("  {} {what}: {why}", style.open("not compared")));
        }
        for finding in self.findings.kept() {
            lines.push(String::new());
            lines.extend(found(finding, style));
        }
        lines.push(String::new());
        lines.push(self.conclusion(style));
        lines.join("\n")
    }

    fn conclusion(&self, style: Style) -> String {
        let kept = self.findings.kept();
        let all = kept.len() as u64 + self.findings.more();
        let mended = kept.iter().filter(|it| it.outcome == Outcome::Mended);
        let mended = mended.count() as u64;
        let more = match self.findings.more() {
            0 => String::new(),
            more => format!("; {more} are not shown"),
        };
        if self.agrees() && all == 0 {
            style.good("Everything agrees.")
        } else if self.agrees() {
            style.good(&format!("Everything agrees now: {mended} mended."))
        } else if all == 0 {
            style.bad("Nothing disagrees, but not everything could be compared.")
        } else {
            let text = format!("{all} disagree, {mended} of them mended{more}.");
            style.bad(&text)
        }
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        let compared: Vec<Value> = self
            .compared
            .iter()
            .map(|it| json!({ "what": it.what, "count": it.count }))
            .collect();
        let skipped: Vec<Value> = self
            .skipped
            .iter()
            .map(|(what, why)| json!({ "what": what, "why": why }))
            .collect();
        let findings: Vec<Value> = self.findings.kept().iter().map(Finding::json).collect();
        json!({
            "agree": self.agrees(),
            "compared": compared,
            "not_compared": skipped,
            "findings": findings,
            "not_shown": self.findings.more(),
        })
        .to_string()
    }
}

fn found(finding: &Finding, style: Style) -> Vec<String> {
    let outcome = match &finding.outcome {
        Outcome::Stands => format!("mend: {}", finding.mend()),
        Outcome::Mended => format!("{}: {}", style.good("mended"), finding.mend()),
        Outcome::Declined => format!("{}: {}", style.open("left as it is"), finding.mend()),
        Outcome::Failed(error) => format!("{}: {error}", style.bad("not mended")),
    };
    vec![
        format!(
            "  {} {}  {}",
            style.bad("✗"),
            style.strong(finding.kind.name()),
            finding.about()
        ),
        format!("    {}", finding.why),
        format!("    {outcome}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Kind, Remedy};
    use super::*;

    fn report(outcome: Outcome) -> Report {
        let mut finding = Finding::of(
            Kind::StockSum,
            "stock",
            "tea",
            "held 3, its orders have 2".to_owned(),
        );
        finding.outcome = outcome;
        let mut report = Report::default();
        report.findings.add(finding.with(Remedy::ByHand));
        report
    }

    #[test]
    fn only_what_is_mended_agrees() {
        assert!(Report::default().agrees());
        assert!(report(Outcome::Mended).agrees());
        for outcome in [
            Outcome::Stands,
            Outcome::Declined,
            Outcome::Failed("no".to_owned()),
        ] {
            assert!(!report(outcome).agrees());
        }
    }

    #[test]
    fn what_could_not_be_read_does_not_agree_and_what_is_not_offered_does() {
        let mut report = Report::default();
        report.skip(
            "mine's fence".to_owned(),
            "it has no tercet.v1.FenceService",
        );
        assert!(report.agrees());
        report.skip("stock's fence".to_owned(), "Unavailable: tcp connect error");
        assert!(!report.agrees());
    }

    #[test]
    fn a_finding_says_what_why_and_what_would_mend_it() {
        let text = report(Outcome::Stands).text(Style::Plain);
        for part in [
            "stock-sum",
            "stock tea",
            "held 3, its orders have 2",
            "mend: ",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        let document: Value =
            serde_json::from_str(&report(Outcome::Stands).json()).unwrap_or_default();
        assert_eq!(document["findings"][0]["kind"], "stock-sum");
        assert_eq!(document["agree"], false);
    }
}
