//! The server that tells routers which ROAs there are (RFC 8210): StayRTR, on a host of the lab.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::daemon::FindError;
use crate::program::{Executable, File, OUT, Process, Program, Ready, log};
use crate::topology::{Intervals, Roa};

/// The port that IANA has for it.
pub const PORT: u16 = 323;

pub const TITLE: &str = "StayRTR";
const NAME: &str = "stayrtr";

/// Its list in the format of rpki-client, as it reads it.
#[derive(Serialize)]
struct List {
    roas: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    prefix: String,
    max_length: u8,
    asn: u32,
}

/// What it reads.
pub fn list(roas: &[Roa]) -> String {
    let entry = |roa: &Roa| Entry { prefix: roa.prefix.to_string(), max_length: roa.max_length, asn: roa.origin };
    let mut roas: Vec<Roa> = roas.to_vec();
    roas.sort();
    roas.dedup();
    let list = List { roas: roas.iter().map(entry).collect() };
    let text = serde_json::to_string_pretty(&list).expect("strings and numbers can be written as JSON");
    text + "\n"
}

/// How it is started on a host.
pub fn program(host: &str, roas: &[Roa], intervals: Intervals) -> Program {
    let cache = Path::new(OUT).join(Process::RTR.name).join(format!("{host}.json"));
    let shown = cache.display().to_string();
    let mut arguments: Vec<String> = vec!["-bind".into(), format!(":{PORT}"), "-cache".into(), shown];
    // The list has no time of its making, and a new one is told by SIGHUP: it is not looked for.
    arguments.extend(["-checktime=false", "-refresh", "86400", "-metrics.addr", "127.0.0.1:9847"].map(str::to_owned));
    let Intervals { refresh, retry, expire } = intervals;
    for (option, seconds) in [("-rtr.refresh", refresh), ("-rtr.retry", retry), ("-rtr.expire", expire)] {
        arguments.extend([option.to_owned(), seconds.to_string()]);
    }
    Program {
        process: Process::RTR,
        executable: Executable::Rtr,
        arguments,
        again: Vec::new(),
        files: vec![File::new(cache, list(roas))],
        log: log(host, Process::RTR),
        ready: Ready::Started,
        makes: None,
        after: None,
    }
}

/// The one on this machine: that of the environment variable, the first in PATH, or that of `scripts/provision --rtr`.
///
/// # Errors
/// There is none.
pub fn find() -> Result<PathBuf, FindError> {
    let hint = ": fetch it beside the system's programs with `scripts/provision --rtr`, or install it with \
                `sudo apt-get install --no-install-recommends stayrtr`; without [rtr] in the lab file none is needed";
    let missing = |place| FindError::Missing { title: TITLE, place, hint: hint.to_owned() };
    if let Some(named) = std::env::var_os("ANYBED_STAYRTR").filter(|path| !path.is_empty()).map(PathBuf::from) {
        return if named.is_file() { Ok(named) } else { Err(missing("where $ANYBED_STAYRTR says")) };
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let path = set("PATH").unwrap_or_default();
    let cache = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
    let folders = std::env::split_paths(&path).chain(cache.map(|cache| cache.join("anybed/rtr")));
    let mut found = folders.map(|folder| folder.join(NAME)).filter(|path| path.is_file());
    found.next().ok_or_else(|| missing("in PATH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_what_rpki_client_writes() {
        let roa = |prefix: &str, max_length| Roa { prefix: prefix.parse().expect("a prefix"), max_length, origin: 7 };
        let text = list(&[roa("203.0.113.0/24", 25), roa("198.51.100.0/24", 24), roa("203.0.113.0/24", 25)]);
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let wanted = serde_json::json!({ "roas": [
            { "prefix": "198.51.100.0/24", "maxLength": 24, "asn": 7 },
            { "prefix": "203.0.113.0/24", "maxLength": 25, "asn": 7 },
        ] });
        assert_eq!(read, wanted);
    }
}
