//! What stays of a file of AS relationships, as the text of a lab file.

use std::fmt::Write;

use super::Reduced;

/// AS numbers of the stubs that are put behind ASes, from here on, but for those of the file.
const STUBS: u32 = 500_001;

/// A router for each AS; a stub with a member behind each AS with a site, and one with a client behind some others.
pub fn to_lab_file(name: &str, reduced: &Reduced, seed: u64) -> String {
    let [whole, kept] = reduced.tiers.map(|[top, transit, edge]| (top, transit, edge));
    let mut out = format!(
        "# {} of {} ASes: {} of {} at the top, {} of {} that sell transit, {} of {} at the edge.\n\n",
        reduced.ases.len(),
        whole.0 + whole.1 + whole.2,
        kept.0,
        whole.0,
        kept.1,
        whole.1,
        kept.2,
        whole.2
    );
    let _ = writeln!(out, "[lab]\nname = \"{name}\"\nseed = {seed}");
    for asn in &reduced.ases {
        let _ = writeln!(out, "\n[[as]]\nname = \"as{asn}\"\nasn = {asn}");
    }
    let customers = reduced.customers.iter().map(|pair| (pair, "customer"));
    for ((a, b), relation) in customers.chain(reduced.peers.iter().map(|pair| (pair, "peer"))) {
        let _ = writeln!(out, "\n[[link]]\na = \"as{a}\"\nb = \"as{b}\"\nrelation = \"{relation}\"");
    }
    let sites = reduced.sites.iter().map(|asn| (asn, "site", "members"));
    let stubs = sites.chain(reduced.clients.iter().map(|asn| (asn, "home", "clients")));
    let numbers = (STUBS..).filter(|number| !reduced.ases.contains(number));
    for (number, (asn, what, hosts)) in numbers.zip(stubs) {
        let _ =
            writeln!(out, "\n[[stub]]\nname = \"{what}-{asn}\"\nasn = {number}\nuplinks = [\"as{asn}\"]\n{hosts} = 1");
    }
    if !reduced.sites.is_empty() {
        let members: Vec<String> = reduced.sites.iter().map(|asn| format!("\"site-{asn}\"")).collect();
        let _ = writeln!(out, "\n[[group]]\nname = \"anycast\"\nmembers = [{}]", members.join(", "));
    }
    out
}
