//! The repository as it lies there, and how a broken rule is told.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// Made by tools or by running the program, and ignored by git.
const NOT_OURS: &[&str] = &[".git", "build", "node_modules", "target", "tercet-data"];

/// A text file of the repository.
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// A text that isn't there, to try a rule on.
    pub(crate) fn sample(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|found| found == extension)
    }

    /// Tests may do what the program may not.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.split('/').any(|part| part == "tests")
    }
}

/// Cargo tells it at run time, so that a built test can be pointed at a copy that breaks a rule.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let told = std::env::var_os("CARGO_MANIFEST_DIR");
        told.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
    });
    &ROOT
}

/// Every file with that extension.
pub(crate) fn files(extension: &str) -> Vec<File> {
    let mut files = all();
    files.retain(|file| file.has_extension(extension));
    assert!(!files.is_empty(), "no .{extension} file was found");
    files
}

/// Every file; what isn't text is read as far as it is.
pub(crate) fn all() -> Vec<File> {
    let mut paths = Vec::new();
    collect(root(), &mut paths);
    paths.sort();
    paths
        .into_iter()
        .filter_map(|path| {
            // Somebody's editor may just have moved it away.
            let bytes = fs::read(&path).ok()?;
            let path = path.strip_prefix(root()).unwrap();
            Some(File {
                path: path.to_str().unwrap().replace('\\', "/"),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            })
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if !NOT_OURS.contains(&entry.file_name().to_str().unwrap()) {
                collect(&path, paths);
            }
        } else {
            paths.push(path);
        }
    }
}

/// Fails with every fault at once.
pub(crate) fn holds(rule: &str, faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{rule}; {} broken:\n  {}",
        faults.len(),
        faults.join("\n  ")
    );
}
