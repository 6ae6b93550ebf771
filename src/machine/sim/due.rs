//! What the queue of a simulated network holds.

use std::net::SocketAddr;

use crate::machine::{Port, Stream, StreamId};

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Due {
    Arrival {
        from: usize,
        source: SocketAddr,
        to: usize,
        target: SocketAddr,
        at: Port,
        bytes: Vec<u8>,
    },
    Stream {
        from: (usize, StreamId),
        to: (usize, StreamId),
        part: Stream<Vec<u8>>,
    },
    /// The network has cut a stream.
    Closed {
        host: usize,
        life: u32,
        id: StreamId,
    },
    Timer {
        host: usize,
    },
    Routing {
        host: usize,
        life: u32,
        group: usize,
        announce: bool,
    },
}
