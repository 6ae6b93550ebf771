//! The far end of clients' flows: what a member answers at its groups' addresses.
//!
//! Unlike the overlay's answers these leave from the group's address, as those of any TCP or QUIC
//! server do. The sockets stay when a group is withdrawn: connections end by what routing does, not
//! by what the host does.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::socket;
use crate::anycast::flow::{Known, REQUEST, encode_answer};
use crate::kernel::now;
use crate::plan::FLOW_PORT;

/// A connection without a request for so long is one that its client has given up: five times the
/// longest interval between requests.
const IDLE: Duration = Duration::from_secs(300);

/// Serves flows at each of these addresses, which need not be on `lo` yet, until the runtime ends.
///
/// # Errors
/// A socket that cannot be opened.
pub(super) fn serve(host: &str, addresses: &[IpAddr]) -> Result<()> {
    for address in addresses {
        let at = SocketAddr::new(*address, FLOW_PORT);
        let listener = socket::listen(at).with_context(|| format!("listen at {at}"))?;
        tokio::spawn(accept(listener, host.to_owned()));
        let opened = socket::open(at).with_context(|| format!("open a UDP socket at {at}"))?;
        tokio::spawn(answer(opened, host.to_owned()));
    }
    Ok(())
}

async fn accept(listener: TcpListener, host: String) {
    loop {
        let (stream, _) = socket::accept(&listener).await;
        tokio::spawn(converse(stream, host.clone()));
    }
}

/// Answers requests until the client or the connection is gone.
async fn converse(mut stream: TcpStream, host: String) {
    let _ = stream.set_nodelay(true);
    let mut request = [0; REQUEST];
    while let Ok(Ok(_)) = timeout(IDLE, stream.read_exact(&mut request)).await {
        let answer = encode_answer(u64::from_be_bytes(request), &host);
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn answer(socket: UdpSocket, host: String) {
    let mut known = Known::default();
    let mut buffer = [0; 1500];
    loop {
        // An error is an ICMP message about an earlier answer, which is lost like any other.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = known.answer(&host, now(), &buffer[..length]) {
            let _ = socket.try_send_to(&answer.encode(), from);
        }
    }
}
