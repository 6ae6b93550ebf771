//! BIRD's control socket: a line protocol in which each line of an answer begins with a four-digit
//! code, `-` after it when more follows (BIRD 2, `doc/reply_codes`).

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::routes;
use crate::routing::daemon::{Announce, Control, Destination, SessionState};
use crate::routing::route::Route;
use crate::topology::Roa;

/// A BIRD that does not answer for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at a BIRD that is applying a config.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What the names of groups begin with.
const GROUP: &str = "group-";

/// An open control connection.
pub(super) struct Connection {
    stream: BufReader<UnixStream>,
}

/// One protocol as `show protocols` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProtocolState {
    name: String,
    /// `BGP`, `OSPF`, `Static`, …
    kind: String,
    up: bool,
    /// `Established`, `Idle`, …; BGP only.
    info: String,
}

impl Connection {
    /// Connects and reads the greeting.
    ///
    /// # Errors
    /// No socket there (BIRD has not started or has ended), or no greeting.
    pub(super) async fn open(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).await;
        let stream = stream.with_context(|| format!("connect to BIRD at {}", socket.display()))?;
        let mut control = Self { stream: BufReader::new(stream) };
        control.answer().await?;
        Ok(control)
    }

    /// Sends a command and returns the lines of its answer without their codes.
    ///
    /// # Errors
    /// BIRD refused it (codes 8000 and up), or ended.
    async fn ask(&mut self, command: &str) -> Result<Vec<String>> {
        self.stream.write_all(format!("{command}\n").as_bytes()).await.context("write to BIRD")?;
        self.answer().await.with_context(|| format!("ask BIRD: {command}"))
    }

    /// Every protocol and its state.
    async fn protocols(&mut self) -> Result<Vec<ProtocolState>> {
        let lines = self.ask("show protocols").await?;
        // The first line is the heading.
        Ok(lines.iter().skip(1).filter_map(|line| parse_protocol(line)).collect())
    }

    async fn answer(&mut self) -> Result<Vec<String>> {
        timeout(PATIENCE, self.read_answer()).await.context("BIRD does not answer")?
    }

    async fn read_answer(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).await.context("read from BIRD")?;
            ensure!(read > 0, "BIRD closed the connection");
            let line = line.trim_end_matches('\n');
            // A line that begins with a space continues an answer under the last code.
            if let Some(text) = line.strip_prefix([' ', '+']) {
                lines.push(text.to_owned());
                continue;
            }
            let (code, more, text) = split(line).with_context(|| format!("BIRD says {line:?}"))?;
            if code >= 8000 {
                bail!("BIRD says: {text}");
            }
            if !text.is_empty() {
                lines.push(text.to_owned());
            }
            if !more {
                return Ok(lines);
            }
        }
    }
}

impl Connection {
    /// Names of the protocols of a host's groups that are up. A gateway's are as its config says.
    async fn announced(&mut self) -> Result<Vec<String>> {
        let all = self.protocols().await?;
        let groups = all.into_iter().filter(|p| p.kind == "Static" && p.up && p.name.starts_with(GROUP));
        Ok(groups.map(|p| p.name).collect())
    }

    /// Enables or disables the static protocols of a group.
    async fn switch(&mut self, group: &str, addresses: &[IpAddr], suffix: &str, on: bool) -> Result<()> {
        let verb = if on { "enable" } else { "disable" };
        for address in addresses {
            let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
            self.ask(&format!("{verb} '{group}-{family}{suffix}'")).await?;
        }
        Ok(())
    }
}

/// BIRD has answered, with a code of 8000 or above.
fn is_refusal(error: &anyhow::Error) -> bool {
    format!("{error:#}").contains("BIRD says: ")
}

impl Control for Connection {
    fn sessions(&mut self) -> BoxFuture<'_, Result<Vec<SessionState>>> {
        Box::pin(async {
            let bgp = self.protocols().await?.into_iter().filter(|protocol| protocol.kind == "BGP");
            let state = |p: ProtocolState| SessionState { name: p.name, up: p.info == "Established", state: p.info };
            Ok(bgp.map(state).collect())
        })
    }

    fn routes<'a>(&'a mut self, to: &'a Destination) -> BoxFuture<'a, Result<Vec<Route>>> {
        let which = match to {
            Destination::All => String::new(),
            Destination::Prefix(prefix) => format!(" {prefix}"),
            Destination::Address(address) => format!(" for {address}"),
        };
        Box::pin(async move {
            match self.ask(&format!("show route{which} all")).await {
                Ok(lines) => Ok(routes::parse(&lines)),
                // BIRD calls it an error.
                Err(error) if format!("{error:#}").contains("Network not found") => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        })
    }

    fn roas(&mut self) -> BoxFuture<'_, Result<Vec<Roa>>> {
        Box::pin(async {
            let mut found = Vec::new();
            for family in ["ipv4", "ipv6"] {
                match self.ask(&format!("show route table roa_{family}")).await {
                    Ok(lines) => found.extend(lines.iter().filter_map(|line| routes::roa(line))),
                    // A lab of the other family has no such table; an empty one BIRD calls an error.
                    Err(error) if is_refusal(&error) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(found)
        })
    }

    /// Its channels have import tables: it does so a second after the last change of its ROAs.
    fn validate(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// A static protocol announces the group; another, preferred, does so for the drain.
    fn set<'a>(&'a mut self, group: &'a str, addresses: &'a [IpAddr], to: Announce) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match to {
                Announce::Plain => {
                    self.switch(group, addresses, "", true).await?;
                    self.switch(group, addresses, "-drain", false).await
                }
                Announce::Drain => self.switch(group, addresses, "-drain", true).await,
                Announce::Off => {
                    self.switch(group, addresses, "", false).await?;
                    self.switch(group, addresses, "-drain", false).await
                }
            }
        })
    }

    /// Has BIRD read its config, and enables again what is announced: of that, BIRD returns to what the config says.
    fn reconfigure(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let before = self.announced().await?;
            self.ask("configure").await?;
            loop {
                let now = self.announced().await?;
                let lost: Vec<&String> = before.iter().filter(|name| !now.contains(name)).collect();
                if lost.is_empty() {
                    return Ok(());
                }
                for name in lost {
                    self.ask(&format!("enable '{name}'")).await?;
                }
                // One that BIRD has still to shut down comes back disabled.
                sleep(LOOK_EVERY).await;
            }
        })
    }

    fn closed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let mut line = String::new();
            while matches!(self.stream.read_line(&mut line).await, Ok(read) if read > 0) {
                line.clear();
            }
        })
    }
}

fn split(line: &str) -> Option<(u32, bool, &str)> {
    let code = line.get(..4)?.parse().ok()?;
    let more = line.as_bytes().get(4)? == &b'-';
    Some((code, more, line.get(5..)?))
}

/// `edge  BGP  ---  up  12:00:01.123  Established`
fn parse_protocol(line: &str) -> Option<ProtocolState> {
    let mut words = line.split_whitespace();
    let (name, kind, _table, state, _since) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let info = words.collect::<Vec<_>>().join(" ");
    Some(ProtocolState { name: name.to_owned(), kind: kind.to_owned(), up: state == "up", info })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_lines() {
        let bgp = parse_protocol("r2         BGP        ---        up     12:00:01.123  Established   ");
        assert_eq!(bgp.map(|p| (p.up, p.info)), Some((true, "Established".into())));
        let down = parse_protocol("group-x    Static     master4    down   12:00:01.123  ");
        assert_eq!(down.map(|p| (p.up, p.info)), Some((false, String::new())));
        assert_eq!(split("0013-hello"), Some((13, true, "hello")));
        assert_eq!(split("0013 "), Some((13, false, "")));
        assert_eq!(split("x"), None);
    }
}
