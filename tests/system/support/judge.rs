//! Programs of others that judge what a lab serves.

use std::path::{Path, PathBuf};

use super::place::Place;

/// A judge that this place's user may run: what `scripts/provision --judges` has put beside the system's programs, or
/// the system's. `Err`: what is missing, and how to get it.
pub(crate) fn judge(place: &Place, name: &str) -> Result<PathBuf, String> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let own = set("ANYBED_JUDGES").or_else(|| Some(cache()?.join("anybed/judges")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = own.into_iter().chain(["/usr/bin".into(), "/usr/sbin".into()]).chain(std::env::split_paths(&path));
    let runs = |program: &PathBuf| {
        let asked = place.command(Path::new("sh")).args(["-c", "test -x \"$1\"", "sh"]).arg(program).run();
        program.is_file() && asked.code() == 0
    };
    let found = folders.map(|folder| folder.join(name)).find(runs);
    found.ok_or_else(|| format!("{name}: `scripts/provision --judges` puts it beside the system's programs"))
}
