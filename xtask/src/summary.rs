//! Adds up what the test binaries report.

/// The sum over all `test result:` lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    binaries: u32,
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Summary {
    /// Counts a line if it is the last one of a test binary, for example
    /// `test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
    pub(crate) fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        self.binaries += 1;
        for part in counts.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(count) = count.parse::<u32>() else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }

    /// Whether anything was tested at all.
    pub(crate) const fn is_empty(&self) -> bool {
        self.passed == 0
    }

    /// One line, for the report.
    pub(crate) fn line(&self) -> String {
        let Self {
            binaries,
            passed,
            failed,
            ignored,
        } = self;
        format!("{passed} passed, {failed} failed, {ignored} ignored in {binaries} test binaries")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_binaries_are_added_up() {
        let mut summary = Summary::default();
        for line in [
            "running 3 tests",
            "test result_of_something ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s",
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        ] {
            summary.add(line);
        }
        assert_eq!(
            summary.line(),
            "13 passed, 2 failed, 1 ignored in 2 test binaries"
        );
        assert!(!summary.is_empty());
    }

    #[test]
    fn no_tests_is_not_a_success() {
        let mut summary = Summary::default();
        summary.add("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.00s");
        assert!(summary.is_empty());
    }
}
