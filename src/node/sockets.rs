//! The ports of a machine as sockets: UDP sockets, TCP listeners, and the streams that come of them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::AbortHandle;

use super::socket;
use crate::machine::{Need, Port, Stream, StreamId, Via};

/// What has arrived and waits for the machine; more waits in the sockets' buffers, and then datagrams are dropped.
pub(super) const QUEUE: usize = 1024;
/// Bytes of a stream that are read at once.
const CHUNK: usize = 16 * 1024;

/// What a socket has for the machine.
pub(super) enum Arrived {
    Datagram {
        at: Port,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    Accepted {
        at: Port,
        peer: SocketAddr,
        stream: TcpStream,
    },
    Bytes {
        id: StreamId,
        bytes: Vec<u8>,
    },
    Closed {
        id: StreamId,
    },
    /// Not by its other end.
    Lost {
        id: StreamId,
    },
}

/// All of a machine's sockets.
pub(super) struct Sockets {
    open: Vec<Open>,
    /// What is said in each stream goes to its task, which ends it when that is all.
    streams: BTreeMap<StreamId, UnboundedSender<Vec<u8>>>,
    accepted: u64,
    arrived: Sender<Arrived>,
    arrivals: Receiver<Arrived>,
}

struct Open {
    port: Port,
    need: Need,
    address: IpAddr,
    /// `None`: a listener.
    socket: Option<Arc<UdpSocket>>,
    task: AbortHandle,
}

impl Sockets {
    pub(super) fn new() -> Self {
        let (arrived, arrivals) = channel(QUEUE);
        Self { open: Vec::new(), streams: BTreeMap::new(), accepted: 0, arrived, arrivals }
    }

    /// Opens a port at an address, which need not be the host's yet.
    pub(super) fn open(&mut self, port: Port, need: Need, address: IpAddr) -> Result<()> {
        let (at, arrived) = (SocketAddr::new(address, port.number), self.arrived.clone());
        let (socket, task) = if let Need::Tcp(_) = need {
            let listener = socket::listen(at).with_context(|| format!("listen at {at}"))?;
            (None, tokio::spawn(accept(listener, port, arrived)))
        } else {
            let socket = Arc::new(socket::open(at).with_context(|| format!("listen at {at}"))?);
            (Some(socket.clone()), tokio::spawn(receive(socket, port, arrived)))
        };
        self.open.push(Open { port, need, address, socket, task: task.abort_handle() });
        Ok(())
    }

    /// The unicast address is another from now on. What arrives at the old one is refused, as at any address that is
    /// not the host's.
    pub(super) fn renumber(&mut self, address: IpAddr) -> Result<()> {
        let before = self.open.len();
        let ours = |open: &&Open| open.port.via == Via::Unicast;
        let ports: Vec<_> = self.open.iter().filter(ours).map(|open| (open.port, open.need)).collect();
        for (port, need) in ports {
            self.open(port, need, address)?;
        }
        let gone = self.open.extract_if(..before, |open| open.port.via == Via::Unicast);
        gone.for_each(|open| open.task.abort());
        Ok(())
    }

    /// The next that has arrived. Nothing is lost if it is not waited for.
    pub(super) async fn arrival(&mut self) -> Option<Arrived> {
        self.arrivals.recv().await
    }

    pub(super) fn try_arrival(&mut self) -> Option<Arrived> {
        self.arrivals.try_recv().ok()
    }

    /// Whether a stream has not ended.
    pub(super) fn has(&self, id: StreamId) -> bool {
        self.streams.contains_key(&id)
    }

    /// The UDP socket of a port.
    fn at(&self, port: Port, peer: SocketAddr) -> Option<&UdpSocket> {
        let of_family = |open: &&Open| open.port == port && open.address.is_ipv4() == peer.is_ipv4();
        self.open.iter().filter(of_family).find_map(|open| open.socket.as_deref())
    }

    /// Where a stream from this port of the machine comes from: 0 stands for any port.
    fn address(&self, port: Port, peer: SocketAddr) -> Option<SocketAddr> {
        let mut open = self.open.iter().filter(|open| open.port.via == port.via);
        let found = open.find(|open| open.address.is_ipv4() == peer.is_ipv4());
        found.map(|open| SocketAddr::new(open.address, port.number))
    }

    /// Like any datagram, it may be lost.
    pub(super) fn send(&self, from: Port, to: SocketAddr, bytes: &[u8]) {
        match self.at(from, to) {
            // Not by the runtime, which would first have to see that the socket can be written to.
            Some(socket) => drop(SockRef::from(socket).send_to(bytes, &to.into())),
            None => tracing::warn!("{from:?} is not open, and nothing was sent to {to}"),
        }
    }

    /// What a machine wants of a stream.
    pub(super) fn stream(&mut self, id: StreamId, part: Stream<Vec<u8>>) {
        match part {
            Stream::Open { at, peer } => {
                let from = self.address(at, peer);
                let (said, heard) = unbounded_channel();
                self.streams.insert(id, said);
                let arrived = self.arrived.clone();
                tokio::spawn(async move {
                    match connect(from, peer).await {
                        Ok(stream) => converse(id, stream, heard, arrived).await,
                        Err(error) => {
                            tracing::debug!("{peer}: {error}");
                            let refused = error.kind() == ErrorKind::ConnectionRefused;
                            let how = if refused { Arrived::Closed { id } } else { Arrived::Lost { id } };
                            let _ = arrived.send(how).await;
                        }
                    }
                });
            }
            Stream::Bytes(bytes) => {
                // A stream that is no more, of which the machine is about to hear.
                let _ = self.streams.get(&id).map(|said| said.send(bytes));
            }
            Stream::Close | Stream::Lost => drop(self.streams.remove(&id)),
        }
    }

    /// Somebody has opened a stream: its number here.
    pub(super) fn accept(&mut self, stream: TcpStream) -> StreamId {
        let id = StreamId::Theirs(self.accepted);
        self.accepted += 1;
        let (said, heard) = unbounded_channel();
        self.streams.insert(id, said);
        tokio::spawn(converse(id, stream, heard, self.arrived.clone()));
        id
    }

    /// A stream has ended; whether the machine has to be told.
    pub(super) fn ended(&mut self, id: StreamId) -> bool {
        self.streams.remove(&id).is_some()
    }
}

async fn receive(socket: Arc<UdpSocket>, at: Port, arrived: Sender<Arrived>) {
    let mut buffer = [0; 1500];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let bytes = buffer[..length].to_vec();
                if arrived.send(Arrived::Datagram { at, from, bytes }).await.is_err() {
                    return;
                }
            }
            // An ICMP error about an earlier datagram; the machine's timeouts will tell.
            Err(error) => tracing::debug!("{at:?}: {error}"),
        }
    }
}

async fn accept(listener: TcpListener, at: Port, arrived: Sender<Arrived>) {
    loop {
        let (stream, peer) = socket::accept(&listener).await;
        if arrived.send(Arrived::Accepted { at, peer, stream }).await.is_err() {
            return;
        }
    }
}

async fn connect(from: Option<SocketAddr>, peer: SocketAddr) -> std::io::Result<TcpStream> {
    let from = from.ok_or(ErrorKind::AddrNotAvailable)?;
    socket::stream(from)?.connect(peer).await
}

/// Passes a stream's bytes on in both directions until one of them ends.
async fn converse(id: StreamId, stream: TcpStream, mut said: UnboundedReceiver<Vec<u8>>, arrived: Sender<Arrived>) {
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.into_split();
    let reading = async {
        let mut buffer = vec![0; CHUNK];
        while let Ok(length @ 1..) = reader.read(&mut buffer).await {
            let bytes = buffer[..length].to_vec();
            if arrived.send(Arrived::Bytes { id, bytes }).await.is_err() {
                return;
            }
        }
    };
    let writing = async {
        while let Some(bytes) = said.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
    let _ = arrived.send(Arrived::Closed { id }).await;
}
