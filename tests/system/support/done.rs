//! Running the program: with a deadline, and with everything it said at hand when a check fails.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A run of a shipped lab file takes 50 seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Until a killed command's output is there: unless something it started holds it open.
const SOON: Duration = Duration::from_secs(5);

/// A command to be run.
pub(crate) struct Command {
    command: std::process::Command,
    input: String,
}

/// A command that is running.
pub(crate) struct Running {
    shown: String,
    pid: i32,
    output: Receiver<std::io::Result<Output>>,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    shown: String,
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Command {
    pub(crate) fn new(program: &Path) -> Self {
        Self { command: std::process::Command::new(program), input: String::new() }
    }

    pub(crate) fn user(mut self, uid: u32) -> Self {
        self.command.uid(uid).gid(uid);
        self
    }

    pub(crate) fn directory(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// What it reads from standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        text.clone_into(&mut self.input);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let shown = format!("{:?}", self.command);
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        let pid = child.id().cast_signed();
        let (ended, output) = channel();
        std::thread::spawn(move || {
            feed(&mut child, &self.input);
            // Nobody may be waiting any more.
            let _ = ended.send(child.wait_with_output());
        });
        Running { shown, pid, output }
    }

    pub(crate) fn run(self) -> Done {
        self.start().wait()
    }
}

fn feed(child: &mut Child, input: &str) {
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input has its reasons.
        let _ = stdin.write_all(input.as_bytes());
    }
}

impl Running {
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid), signal).unwrap_or_else(|error| panic!("{signal} to {}: {error}", self.shown));
    }

    /// Waits for its end. A command that does not end is killed, and the test fails.
    pub(crate) fn wait(self) -> Done {
        let done = |output: Output| Done {
            shown: self.shown.clone(),
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        match self.output.recv_timeout(PATIENCE) {
            Ok(output) => done(output.unwrap_or_else(|error| panic!("{}: {error}", self.shown))),
            Err(RecvTimeoutError::Disconnected) => panic!("nobody waits for {}", self.shown),
            Err(RecvTimeoutError::Timeout) => {
                self.signal(Signal::SIGKILL);
                let said = self.output.recv_timeout(SOON).ok().and_then(Result::ok).map(done);
                let said = said.map_or_else(|| self.shown.clone(), |done| done.to_string());
                panic!("no end within {} s: {said}", PATIENCE.as_secs());
            }
        }
    }
}

impl Done {
    /// As a shell would give it: 128 + n after signal n.
    pub(crate) fn code(&self) -> i32 {
        self.status.code().or_else(|| self.status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
    }

    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert!(self.code() == code, "expected exit code {code} of {self}");
        self
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.expect_code(0)
    }

    #[track_caller]
    pub(crate) fn expect_stderr(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "expected {part:?} in the standard error of {self}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn expect_stdout(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stdout.contains(part), "expected {part:?} in the standard output of {self}");
        }
        self
    }

    /// Standard output, which is exactly one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}) from {self}"))
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shown, status, stdout, stderr } = self;
        write!(f, "{shown}\n{status}\n--- standard output\n{stdout}\n--- standard error\n{stderr}\n---")
    }
}
