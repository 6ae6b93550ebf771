//! Sockets at addresses that the host need not have yet.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

/// Bytes of datagrams that wait in a socket, if the kernel allows as much.
const BUFFER: usize = 1 << 20;
/// Connections that the kernel has accepted and this process not yet.
const BACKLOG: i32 = 1024;
/// After a failure to accept, as when descriptors run out: nothing tells when there are some again.
const PAUSE: Duration = Duration::from_millis(20);

/// A UDP socket.
pub(super) fn open(at: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = unbound(at, Type::DGRAM, Protocol::UDP)?;
    // Clients do not wait for a process that waits for a CPU. The kernel gives no more than `net.core.rmem_max`.
    socket.set_recv_buffer_size(BUFFER)?;
    socket.bind(&at.into())?;
    UdpSocket::from_std(socket.into())
}

/// A TCP listener.
pub(super) fn listen(at: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = unbound(at, Type::STREAM, Protocol::TCP)?;
    // Connections of a node that was killed may still hold the port.
    socket.set_reuse_address(true)?;
    socket.bind(&at.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The next connection, and whose it is.
pub(super) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => tracing::warn!("accept a connection: {error}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A TCP socket that is to be connected.
pub(super) fn stream(from: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = unbound(from, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.bind(&from.into())?;
    Ok(TcpSocket::from_std_stream(socket.into()))
}

fn unbound(at: SocketAddr, kind: Type, protocol: Protocol) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if at.is_ipv4() {
        socket.set_freebind_v4(true)?
    } else {
        socket.set_freebind_v6(true)?
    }
    Ok(socket)
}
