//! The row of i3.

use super::agent::{Applicant, can};
use super::server::Keeper;
use super::settings::KEYS;
use crate::anycast::member::{JOIN, groups};
use crate::anycast::row::{By, Row};
use crate::anycast::server::ServerRow;

pub(in crate::anycast) static ROW: Row = Row {
    name: "i3",
    title: "i3 (Internet Indirection Infrastructure)",
    // The group itself is a prefix of identifiers: nobody announces its address.
    groups: |asked| {
        let mut groups = groups(asked);
        for group in groups.iter_mut().filter(|group| group.part == JOIN) {
            (group.by, group.public) = (By::Nobody, false);
        }
        groups
    },
    keys: KEYS,
    can,
    agent: |config, now| Box::new(Applicant::new(config, now)),
    server: Some(ServerRow {
        make: |config, now| Box::new(Keeper::new(config, now)),
        ports: |_| Vec::new(),
        announces: false,
        places: false,
        no_programs: Some("packets to identifiers come to agents, which programs that do not know i3 have none of"),
    }),
};
