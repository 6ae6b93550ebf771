//! Values that several tables of a lab file have: AS numbers, places, addresses.

use std::net::IpAddr;

use toml::Spanned;

use super::diagnose::Problems;
use super::model::Place;
use super::table::Table;

/// Whether an AS of a lab may have this number.
pub(super) fn is_public(number: u32) -> bool {
    // 23456 is AS_TRANS (RFC 6793). Hosts speak from 4-byte private ASNs (RFC 6996), which a stub's
    // border removes from the path.
    number > 0 && number != 23456 && !(64512..=65535).contains(&number) && number < 4_200_000_000
}

pub(super) fn read_asn(table: &Table<'_>, f: &mut Problems) -> Option<Spanned<u32>> {
    let asn = table.integer("asn", 1..=u64::from(u32::MAX), f)?;
    let number = *asn.get_ref() as u32;
    if !is_public(number) {
        let found = f.error("private-asn", asn.span(), format!("AS number {number} is private or reserved"));
        found.label("not a public AS number").help("leave `asn` out, or use one from 1 to 64511 but 23456".to_owned());
        return None;
    }
    Some(Spanned::new(asn.span(), number))
}

pub(super) fn read_place(table: &Table<'_>, f: &mut Problems) -> Option<Place> {
    let lat = table.number("lat", -90.0..=90.0, f);
    let lon = table.number("lon", -180.0..=180.0, f);
    for (has, lacks) in [("lat", "lon"), ("lon", "lat")] {
        if table.get(lacks).is_none()
            && let Some(given) = table.get(has)
        {
            let found = f.error("missing-key", given.span(), format!("`{has}` without `{lacks}`"));
            found.label("a place needs both");
        }
    }
    Some(Place { lat: lat?.into_inner(), lon: lon?.into_inner() })
}

/// One address, or one of each family.
pub(super) fn read_addresses(table: &Table<'_>, f: &mut Problems) -> Vec<Spanned<IpAddr>> {
    let texts = table.one_or_more("address", f).unwrap_or_default();
    let parse = |text: Spanned<String>| match text.get_ref().parse() {
        Ok(address) => Some(Spanned::new(text.span(), address)),
        Err(_) => {
            let found = f.error("not-an-address", text.span(), format!("`{text}` is not an IP address"));
            let prefix = text.get_ref().contains('/') && table.name == "[[group]]";
            let help = prefix.then(|| format!("a group that announces more than its address has prefix = \"{text}\""));
            found.label("write it without a prefix length, such as \"198.51.100.1\"").help(help);
            None
        }
    };
    texts.into_iter().filter_map(parse).collect()
}
