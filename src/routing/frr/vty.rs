//! FRR's vty sockets: a command ends with a zero byte, its answer with three of them and a status.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A process that does not answer for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// `CMD_SUCCESS`.
const DONE: u8 = 0;

/// An open vty, with the right to change things.
pub(super) struct Vty {
    stream: UnixStream,
    /// Read, and not yet taken.
    rest: Vec<u8>,
}

impl Vty {
    /// # Errors
    /// No socket there: the process has not started, or has ended.
    pub(super) async fn open(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).await;
        let stream = stream.with_context(|| format!("connect to FRR at {}", socket.display()))?;
        let mut vty = Self { stream, rest: Vec::new() };
        vty.ask("enable").await?;
        Ok(vty)
    }

    /// What a command prints.
    ///
    /// # Errors
    /// It was refused, or the process has ended.
    pub(super) async fn ask(&mut self, command: &str) -> Result<String> {
        let (text, status) = self.try_to(command).await?;
        if status != DONE {
            bail!("FRR refuses `{command}`: {}", text.trim());
        }
        Ok(text)
    }

    /// What a command prints, and its status.
    pub(super) async fn try_to(&mut self, command: &str) -> Result<(String, u8)> {
        let mut line = command.as_bytes().to_vec();
        line.push(0);
        self.stream.write_all(&line).await.context("write to FRR")?;
        let answer = timeout(PATIENCE, self.answer()).await;
        answer.context("FRR does not answer").flatten().with_context(|| format!("ask FRR: {command}"))
    }

    async fn answer(&mut self) -> Result<(String, u8)> {
        loop {
            if let Some(end) = end(&self.rest) {
                let answer: Vec<u8> = self.rest.drain(..end + 4).collect();
                let text = String::from_utf8_lossy(&answer[..end]).into_owned();
                return Ok((text, answer[end + 3]));
            }
            let read = self.stream.read_buf(&mut self.rest).await.context("read from FRR")?;
            ensure!(read > 0, "FRR closed the connection");
        }
    }

    /// Returns when the process has ended.
    pub(super) async fn closed(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.stream.read(&mut bytes).await, Ok(read) if read > 0) {}
    }
}

/// Where an answer's three zero bytes are, if its status has come, too.
fn end(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(3).position(|three| three == [0, 0, 0])?;
    (bytes.len() > end + 3).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::end;

    #[test]
    fn an_answer_ends_with_its_status() {
        assert_eq!(end(b"{}\0\0\0"), None);
        assert_eq!(end(b"{}\0\0\0\x02"), Some(2));
        assert_eq!(end(b"\0\0\0\0"), Some(0), "success is a zero, too");
        assert_eq!(end(b"{}"), None);
    }
}
