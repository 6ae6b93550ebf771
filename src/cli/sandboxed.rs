//! Measurements in a sandbox of their own: what they print is handed out through its run directory.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::{Ended, Failure};
use crate::lab::sandbox::{self, OUT, Side};

/// Name of what is handed out.
const RESULT: &str = "result";

/// Runs `measure` inside, and returns what it has to print and its exit code, 0 or 1.
pub(super) fn measured(
    name: &str,
    measure: impl AsyncFnOnce() -> Result<(String, i32), Failure>,
) -> Result<(String, i32), Failure> {
    let out = std::env::temp_dir().join(format!("anybed-{name}-{}", std::process::id()));
    fs::create_dir_all(&out).with_context(|| format!("create {}", out.display()))?;
    let outside = match sandbox::enter(&out, &[]).map_err(Failure::Machine)? {
        Side::Inside(_) => std::process::exit(inside(measure).unwrap_or_else(Failure::say)),
        Side::Outside(outside) => outside,
    };
    let outcome = outside.wait(&|| false);
    let text = fs::read_to_string(out.join(RESULT));
    let _ = fs::remove_dir_all(&out);
    match outcome? {
        sandbox::Ending::Ended(code @ (0 | 1)) => Ok((text.context("read what was measured")?, code)),
        sandbox::Ending::Ended(code) => Err(Failure::Said(code)),
        sandbox::Ending::Detached => Err(Failure::Said(sandbox::FAILED)),
    }
}

fn inside(measure: impl AsyncFnOnce() -> Result<(String, i32), Failure>) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let (text, code) = runtime.block_on(measure())?;
    fs::write(Path::new(OUT).join(RESULT), text).context("write what was measured")?;
    Ok(code)
}
