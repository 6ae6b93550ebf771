//! What networks can and a lab file cannot say yet: a key that is expected is no slip of the pen.

/// Where a key is looked for, its names, and the way round.
type Missing = (&'static [&'static str], &'static [&'static str], &'static str);

const SESSIONS: &[&str] = &["[[link]]", "an uplink", "`access`", "[[stub]]", "[[as]]", "[[group]]"];

const MISSING: &[Missing] = &[
    (
        SESSIONS,
        &["advertisement_interval", "dampening", "rpki"],
        "what BIRD has of it can be said in a template of your own",
    ),
    (
        &["`access`", "[[stub]]", "[[as]]", "[[group]]"],
        &["mrai"],
        "`mrai` is of [lab], of a [[link]] or of an uplink; elsewhere it can be said in a template of your own",
    ),
    (
        &["[[link]]", "an uplink", "`access`", "[[stub]]", "[[group]]"],
        &["damping"],
        "`damping` is of an [[as]]; elsewhere it can be said in a template of your own",
    ),
    (
        &["[[stub]]", "[[as]]"],
        &["prefix", "prefixes", "prefix_length", "covering", "aggregate", "aggregates"],
        "a stub is announced as its own prefix, a group as its `prefix`; announce others in a template of your own",
    ),
    (
        &["[[as]]", "[lab]"],
        &["igp", "isis", "areas", "area", "reflectors", "route_reflectors", "confederation", "ibgp"],
        "inside an AS there is one OSPF area and iBGP between all, or over two reflectors; set it up otherwise in a \
         template of your own",
    ),
];

/// What to do instead of a key that some table might have.
pub(super) fn instead(table: &str, key: &str) -> Option<String> {
    let (.., way) = MISSING.iter().find(|(tables, keys, _)| tables.contains(&table) && keys.contains(&key))?;
    Some(format!("{way} (docs/limitations.md#beyond-the-lab-file: `--bird-configs DIR`)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::keys::KEYS;

    #[test]
    fn nothing_that_a_lab_file_can_say_is_called_missing() {
        let names = [
            ("[[link]]", "link"),
            ("an uplink", "stub.uplinks"),
            ("`access`", "stub.access"),
            ("[[stub]]", "stub"),
            ("[[as]]", "as"),
            ("[[group]]", "group"),
            ("[lab]", "lab"),
        ];
        for (tables, keys, _) in MISSING {
            for table in *tables {
                let (_, own) = names.iter().find(|(name, _)| name == table).expect("a table's name");
                let (_, known) = KEYS.iter().find(|(name, _)| name == own).expect("a table");
                let both: Vec<_> = keys.iter().filter(|key| known.contains(key)).collect();
                assert!(both.is_empty(), "{table} has {both:?}");
            }
        }
    }
}
