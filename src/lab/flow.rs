//! One flow of a client: a connection to a group's address, requests over it, and another one when it breaks.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use crate::anycast::flow::{Datagram, Waiting, take_answer};
use crate::kernel::namespace::{Namespace, Stepper};
use crate::kernel::now;
use crate::record::{BreakReason, FlowDid};
use crate::topology::Transport;

/// Requests without an answer; with so many under way a flow waits for one.
const MOST_WAITING: usize = 64;

/// What a flow is and where it goes.
pub(super) struct Flow {
    pub(super) transport: Transport,
    pub(super) target: SocketAddr,
    pub(super) namespace: Namespace,
    pub(super) stepper: Stepper,
    pub(super) every: Duration,
    pub(super) timeout: Duration,
    /// It begins so much later than the others.
    pub(super) offset: Duration,
    /// Connection ids are drawn from it.
    pub(super) ids: ChaCha8Rng,
}

/// Who is told of a flow.
pub(super) trait Witness {
    fn sent(&self);
    fn answered(&self);
    /// At a clock reading.
    fn did(&self, at: u64, did: FlowDid);
}

impl Flow {
    /// Keeps the flow open, connection after connection, for ever.
    pub(super) async fn keep(mut self, witness: &impl Witness) {
        sleep(self.offset).await;
        let (mut since, mut attempts, mut is_first) = (now(), 0, true);
        loop {
            attempts += 1;
            let opened = timeout(self.timeout, self.open()).await;
            if let Ok(Ok(mut connection)) = opened {
                let begun = |member: &str, port| {
                    let member = member.to_owned();
                    witness.did(
                        now(),
                        if is_first {
                            FlowDid::Begun { member, since, port }
                        } else {
                            FlowDid::Recovered { member, since, port, attempts }
                        },
                    );
                };
                let end = connection.converse(&self, witness, begun).await;
                if let Some(member) = connection.member {
                    let noticed = now();
                    since = connection.waiting.since().unwrap_or(noticed);
                    let (End { why, by }, round_trip) = (end, connection.round_trip);
                    witness.did(noticed, FlowDid::Broken { member, why, since, by, round_trip });
                    (attempts, is_first) = (0, false);
                    // At once, as browsers do.
                    continue;
                }
            }
            sleep(self.every).await;
        }
    }

    /// Opens a socket in the client's namespace and connects it.
    async fn open(&mut self) -> Result<Connection> {
        let (target, transport) = (self.target, self.transport);
        let socket = self.stepper.within(&self.namespace, move || socket(transport, target)).await?;
        let wire = match self.transport {
            Transport::Tcp => {
                let socket = tokio::net::TcpSocket::from_std_stream(socket.into());
                let stream = socket.connect(target).await.context("connect a flow")?;
                Wire::Tcp { stream, received: Vec::new() }
            }
            Transport::Udp => {
                let socket = UdpSocket::from_std(socket.into()).context("watch a flow's socket")?;
                Wire::Udp { socket, id: self.ids.random() }
            }
        };
        Ok(Connection { wire, next: 0, waiting: Waiting::default(), member: None, round_trip: 0 })
    }
}

fn socket(transport: Transport, target: SocketAddr) -> Result<Socket> {
    let (kind, protocol) = match transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(target), kind, Some(protocol)).context("open a flow's socket")?;
    socket.set_nonblocking(true).context("set a flow's socket non-blocking")?;
    match transport {
        Transport::Tcp => {
            socket.set_tcp_nodelay(true).context("turn Nagle's algorithm off")?;
            // A flow that is given up leaves nothing behind that would go on trying.
            socket.set_linger(Some(Duration::ZERO)).context("set a flow's linger time")?;
        }
        Transport::Udp => socket.connect(&target.into()).context("connect a flow")?,
    }
    Ok(socket)
}

/// One connection of a flow.
struct Connection {
    wire: Wire,
    next: u64,
    waiting: Waiting,
    /// Who has answered.
    member: Option<String>,
    /// Of the last request that was answered, in nanoseconds.
    round_trip: u64,
}

enum Wire {
    Tcp { stream: TcpStream, received: Vec<u8> },
    Udp { socket: UdpSocket, id: u64 },
}

/// How a connection ended, and who said that it does not know it.
struct End {
    why: BreakReason,
    by: Option<String>,
}

impl From<BreakReason> for End {
    fn from(why: BreakReason) -> Self {
        Self { why, by: None }
    }
}

impl Connection {
    /// Sends requests until the connection breaks; `begun` is told who answers first, and the own port.
    async fn converse(&mut self, flow: &Flow, witness: &impl Witness, begun: impl Fn(&str, u16)) -> End {
        let mut ticks = interval(flow.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let deadline = self.waiting.since().map(|since| {
                let passed = Duration::from_nanos(now().saturating_sub(since));
                Instant::now() + flow.timeout.saturating_sub(passed)
            });
            tokio::select! {
                // What has arrived counts, however late this thread looks at it.
                biased;
                Ok(()) = self.wire.readable() => {
                    if let Err(end) = self.receive(witness, &begun) {
                        return end;
                    }
                }
                _ = ticks.tick() => {
                    if let Err(end) = self.send(witness) {
                        return end;
                    }
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return BreakReason::Timeout.into();
                }
            }
        }
    }

    fn send(&mut self, witness: &impl Witness) -> Result<(), End> {
        if self.waiting.len() >= MOST_WAITING {
            return Ok(());
        }
        let (seq, at) = (self.next, now());
        let sent = match &self.wire {
            Wire::Tcp { stream, .. } => stream.try_write(&seq.to_be_bytes()),
            // Unreachable, or no route: lost like any other, unless an answer comes.
            Wire::Udp { socket, id } => {
                let _ = socket.try_send(&Datagram::request(*id, seq, self.member.is_none()).encode());
                Ok(0)
            }
        };
        // With so little under way, a stream takes all of a request or is broken.
        sent.map_err(|error| End::from(reason(&error)))?;
        self.next += 1;
        self.waiting.sent(seq, at);
        witness.sent();
        Ok(())
    }

    /// Takes everything that has arrived.
    fn receive(&mut self, witness: &impl Witness, begun: &impl Fn(&str, u16)) -> Result<(), End> {
        while let Some((seq, host)) = self.wire.receive()? {
            if self.member.as_ref().is_some_and(|member| *member != host) {
                // It was opened with both, while nobody had answered yet.
                return Err(End { why: BreakReason::StatelessReset, by: Some(host) });
            }
            if let Some(round_trip) = self.waiting.answered(seq, now()) {
                self.round_trip = round_trip;
                witness.answered();
            }
            if self.member.is_none() {
                begun(&host, self.wire.port());
                self.member = Some(host);
            }
        }
        Ok(())
    }
}

impl Wire {
    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp { stream, .. } => stream.readable().await,
            Self::Udp { socket, .. } => socket.readable().await,
        }
    }

    fn port(&self) -> u16 {
        let address = match self {
            Self::Tcp { stream, .. } => stream.local_addr(),
            Self::Udp { socket, .. } => socket.local_addr(),
        };
        address.map_or(0, |address| address.port())
    }

    /// The next answer that has arrived: the request's number and the host; `None`: none has.
    fn receive(&mut self) -> Result<Option<(u64, String)>, End> {
        let mut buffer = [0; 1500];
        match self {
            Self::Tcp { stream, received } => loop {
                if let Some(answer) = take_answer(received) {
                    return Ok(Some(answer));
                }
                match stream.try_read(&mut buffer) {
                    Ok(0) => return Err(BreakReason::Closed.into()),
                    Ok(length) => received.extend_from_slice(&buffer[..length]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                    Err(error) => return Err(reason(&error).into()),
                }
            },
            Self::Udp { socket, id } => loop {
                let length = match socket.try_recv(&mut buffer) {
                    Ok(length) => length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                    // An ICMP message about an earlier request, which is lost: its timeout will tell.
                    Err(_) => continue,
                };
                match Datagram::decode(&buffer[..length]) {
                    Ok(Datagram::Answer { id: theirs, seq, host }) if theirs == *id => return Ok(Some((seq, host))),
                    Ok(Datagram::Unknown { id: theirs, host }) if theirs == *id => {
                        return Err(End { why: BreakReason::StatelessReset, by: Some(host) });
                    }
                    _ => {}
                }
            },
        }
    }
}

fn reason(error: &io::Error) -> BreakReason {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused | ErrorKind::BrokenPipe => BreakReason::Reset,
        ErrorKind::TimedOut => BreakReason::Timeout,
        _ => BreakReason::Unreachable,
    }
}
