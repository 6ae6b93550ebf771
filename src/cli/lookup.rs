//! `anybed lookup`: a lookup through an overlay of a running lab.

use clap::Args;

use super::{Ended, Format, labs, print};
use crate::lab::lookup::{Lookup, LookupRequest};

#[derive(Args, Debug)]
pub(super) struct LookupOf {
    /// Running lab
    lab: String,
    /// Overlay of the lab
    overlay: String,
    /// Key; or an id, of 32 hexadecimal digits
    key: String,
    /// Member that asks [default: the first by name]
    #[arg(long, value_name = "HOST")]
    from: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl LookupOf {
    pub(super) fn execute(self) -> Ended {
        let request = LookupRequest { overlay: self.overlay, key: self.key, from: self.from };
        let found: Lookup = labs::post(&self.lab, "/lookup", &request)?;
        match self.format {
            Format::Json => print(&labs::json(&found)?),
            Format::Text => print(&show(&found)),
        }
        Ok(i32::from(!found.right))
    }
}

fn show(found: &Lookup) -> String {
    let Lookup { from, key, id, hops, milliseconds, .. } = found;
    let id_text = id.to_string();
    let shown = if *key == id_text { id_text } else { format!("{key} (id {id_text})") };
    let expected = found.expected.as_deref().unwrap_or("nobody");
    let Some(owner) = &found.owner else {
        return format!("{shown}: {from} got no answer in {milliseconds:.1} ms; its owner is {expected}\n");
    };
    let plural = if *hops == 1 { "" } else { "s" };
    let verdict = match (&found.expected_here, found.right) {
        (None, true) => "right".to_owned(),
        (Some(_), true) => format!("right among the members that {from} reaches; among all it is {expected}"),
        (Some(here), false) if here != expected => {
            format!("wrong: it is {expected}, or {here} as far as {from} reaches")
        }
        (_, false) => format!("wrong: it is {expected}"),
    };
    format!("{shown}: owner {owner}, asked by {from}, {hops} hop{plural}, {milliseconds:.1} ms; {verdict}\n")
}
