//! The row of PIAS.

use super::agent::Registering;
use super::ports::ports;
use super::server::Proxy;
use super::settings::KEYS;
use crate::anycast::member::JOIN;
use crate::anycast::row::{Asked, By, GroupSpec, Row};
use crate::anycast::server::ServerRow;

pub(in crate::anycast) static ROW: Row = Row {
    name: "pias",
    title: "PIAS",
    groups,
    keys: KEYS,
    can: |_| Ok(()),
    agent: |config, now| Box::new(Registering::new(config, now)),
    server: Some(ServerRow {
        make: |config, now| Box::new(Proxy::new(config, now)),
        ports,
        announces: true,
        places: false,
        no_programs: None,
    }),
};

/// An overlay has one group. What others ask there a proxy brings to another member than themselves, so there is
/// no need of colors.
fn groups(_: &Asked) -> Vec<GroupSpec> {
    vec![GroupSpec { part: JOIN, suffix: String::new(), address: 1, public: true, by: By::Servers }]
}
