//! The row of plain IP anycast.

use super::agent::{Announcing, can};
use crate::anycast::member::groups;
use crate::anycast::row::Row;

pub(in crate::anycast) static ROW: Row = Row {
    name: "ip",
    title: "plain IP anycast",
    groups,
    keys: &[],
    can,
    agent: |config, _| Box::new(Announcing::new(&config)),
    server: None,
};
