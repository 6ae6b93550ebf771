//! Communities as people write them.

use super::model::Topology;
use super::policy::Community;

/// Why a text is no community that a rule may have.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) label: &'static str,
    pub(super) help: String,
}

/// `no-export`, `100:20`, `t1:20`, `100:20:3`.
pub(super) fn read_community(text: &str, topology: &Topology) -> Result<Community, Unread> {
    if let Some((_, named)) = Community::NAMED.iter().find(|(name, _)| *name == text) {
        return Ok(*named);
    }
    let parts: Vec<Option<u32>> = text.split(':').map(|part| number_of(part, topology)).collect();
    let low = |n: u32| u16::try_from(n).ok();
    let read = match parts[..] {
        [Some(a), Some(b)] => low(a).zip(low(b)).map(|(a, b)| Community::Standard(a, b)),
        [Some(a), Some(b), Some(c)] => Some(Community::Large(a, b, c)),
        _ => None,
    };
    match read {
        Some(Community::Large(first, 1, _)) if topology.ases.iter().any(|own| own.asn == first) => Err(Unread {
            code: "reserved-community",
            message: format!("`{text}` is one of those that anybed marks routes with"),
            label: "ASN:1:X says where a route was learned",
            help: "take another second number".to_owned(),
        }),
        Some(community) => Ok(community),
        None => {
            let names: Vec<_> = Community::NAMED.iter().map(|(name, _)| *name).collect();
            Err(Unread {
                code: "not-a-community",
                message: format!("`{text}` is no community"),
                label: "such as \"100:20\", \"100:20:3\" or, with the name of an AS, \"t1:20\"",
                help: format!("those with a name: {}", names.join(", ")),
            })
        }
    }
}

/// A number, or the number of the AS of this name.
pub(super) fn number_of(part: &str, topology: &Topology) -> Option<u32> {
    let named = || topology.ases.iter().find(|own| own.name == part).map(|own| own.asn);
    part.parse().ok().or_else(named)
}
