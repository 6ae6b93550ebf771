//! What networks can and a lab file cannot say yet: a key that is expected is no slip of the pen.

/// Where a key is looked for, its names, and the way round.
type Missing = (&'static [&'static str], &'static [&'static str], &'static str);

const SESSIONS: &[&str] = &["[[link]]", "an uplink", "`access`", "[[stub]]", "[[as]]", "[[group]]"];

const MISSING: &[Missing] = &[
    (
        SESSIONS,
        &["prepend", "prepends", "prepending", "path_prepend", "as_path_prepend"],
        "prepend in a template of your own",
    ),
    (
        SESSIONS,
        &["community", "communities", "large_communities", "extended_communities", "no_export"],
        "set and match communities in a template of your own",
    ),
    (
        SESSIONS,
        &["med", "local_pref", "localpref", "local_preference", "preference", "weight"],
        "routes are preferred by who they are from; prefer others in a template of your own",
    ),
    (
        SESSIONS,
        &["filter", "filters", "import", "export", "policy", "policies", "route_map", "announce", "announce_to"],
        "who hears of what follows from `relation`; filter otherwise in a template of your own",
    ),
    (
        SESSIONS,
        &["mrai", "advertisement_interval", "damping", "dampening", "rpki", "roa"],
        "what BIRD has of it can be said in a template of your own",
    ),
    (
        &["[[group]]", "[[stub]]", "[[as]]"],
        &["prefix", "prefixes", "prefix_length", "covering", "aggregate", "aggregates"],
        "a group is announced as one address, a stub as its own prefix; announce others, such as a covering /24, in a \
         template of your own",
    ),
    (
        &["[[stub]]"],
        &["routers", "router", "gateways", "gateway", "links"],
        "a stub has one gateway: make the site an [[as]] of several routers, with a [[stub]] behind each",
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
