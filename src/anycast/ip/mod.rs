//! Plain IP anycast: the infrastructure that needs nothing but routes. Members announce their group's address
//! themselves, and routing brings a datagram to one of them.

mod agent;
pub(super) mod row;
