//! A process that doesn't outlive this one, however this one ends.
//!
//! Beside it runs a guardian, a shell that reads from a pipe whose other end only this process has. When this process is
//! gone, killed included, the pipe ends and the guardian kills that one process and removes its folder. Both are in process
//! groups of their own, so that a Ctrl-C at the terminal reaches neither and the order above is kept.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `$1` is the process, `$2` its folder.
const GUARDIAN: &str = r#"trap "" INT TERM HUP
cat > /dev/null
kill -9 "$1" 2> /dev/null
tries=0
until rm -rf "$2" 2> /dev/null || [ "$tries" -ge 50 ]; do tries=$((tries + 1)); sleep 0.1; done"#;

/// A process and its guardian. Killed when this value goes.
#[derive(Debug)]
pub(crate) struct Guarded {
    child: Child,
    guardian: Child,
}

impl Guarded {
    /// Starts `command`; `folder` is removed if this process ends before the value is dropped.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> io::Result<Self> {
        let mut child = command.process_group(0).spawn()?;
        let guardian = Command::new("sh")
            .args(["-c", GUARDIAN, "guardian"])
            .arg(child.id().to_string())
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match guardian {
            Ok(guardian) => Ok(Self { child, guardian }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, by itself or because of a signal.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Sends a signal by name, for example `STOP`.
    pub(crate) fn signal(&mut self, name: &str) -> io::Result<()> {
        // Not yet waited for, so the number still means this process.
        if self.has_ended() {
            return Err(io::Error::other("it has ended"));
        }
        let kill = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status()?;
        kill.success()
            .then_some(())
            .ok_or_else(|| io::Error::other(format!("kill -{name} failed")))
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // The guardian first: it must not see a number that means something else by now.
        let _ = self.guardian.kill();
        let _ = self.guardian.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
    }
}
