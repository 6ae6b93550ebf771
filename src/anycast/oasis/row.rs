//! The row of OASIS.

use super::agent::Replica;
use super::server::CoreNode;
use super::settings::KEYS;
use super::{dns, http};
use crate::anycast::face::{Question, Unavailable};
use crate::anycast::row::{Asked, By, GroupSpec, Row};
use crate::anycast::server::ServerRow;
use crate::machine::{Need, Part, Port};

pub(in crate::anycast) static ROW: Row = Row {
    name: "oasis",
    title: "OASIS",
    groups,
    keys: KEYS,
    can,
    agent: |config, now| Box::new(Replica::new(config, now)),
    server: Some(ServerRow {
        make: |config, now| Box::new(CoreNode::new(config, now)),
        ports: |_| {
            vec![
                (Port::unicast(dns::PORT), Need::Udp(dns::PORT)),
                (Port::unicast(dns::PORT), Need::Tcp(dns::PORT)),
                (Port::unicast(http::PORT), Need::Tcp(http::PORT)),
            ]
        },
        announces: false,
        places: true,
        no_programs: None,
    }),
};

/// One, which has no address in the network: its members are found by its name.
fn groups(_: &Asked) -> Vec<GroupSpec> {
    vec![GroupSpec { part: Part(0), suffix: String::new(), address: 1, public: false, by: By::Nobody }]
}

/// It can all of it.
fn can(_: &Question) -> Result<(), Unavailable> {
    Ok(())
}
