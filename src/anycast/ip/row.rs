//! The row of plain IP anycast.

use super::member::Member;
use super::parts::groups;
use crate::anycast::config::PORT;
use crate::anycast::row::Row;
use crate::machine::Need;

pub(in crate::anycast) static ROW: Row = Row {
    name: "ip",
    title: "plain IP anycast",
    groups,
    needs: &[Need::Tagged(PORT)],
    node: |config, now| Box::new(Member::new(config, now)),
};
