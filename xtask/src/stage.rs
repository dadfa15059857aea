//! The stages of the check, in the order in which they run: what fails fastest comes first.

/// One stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Formatting.
    Fmt,
    /// The `.proto` files: lint, format, and compatibility with the baseline image.
    Protos,
    /// Lints of every target of every member.
    Clippy,
    /// Everything the tests need, built but not run, so that building and testing are timed apart.
    Build,
    /// Every test of every member, examples in the documentation included.
    Test,
    /// The documentation, without warnings.
    Doc,
    /// Licences, bans and sources of the dependencies.
    Deny,
}

impl Stage {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 7] = [
        Self::Fmt,
        Self::Protos,
        Self::Clippy,
        Self::Build,
        Self::Test,
        Self::Doc,
        Self::Deny,
    ];

    /// The name on the command line and in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Protos => "protos",
            Self::Clippy => "clippy",
            Self::Build => "build",
            Self::Test => "test",
            Self::Doc => "doc",
            Self::Deny => "deny",
        }
    }

    /// The stage of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}
