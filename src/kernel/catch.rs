//! Echo requests from an anycast address: whose kernel catches each reply. One request per target tells
//! which site a target is routed to, without anything running there (de Vries et al., Verfploeter, IMC 2017).

use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use socket2::{Protocol, Socket};

use super::follow::raw;
use super::namespace::{Namespace, Stepper, enter};
use super::now;
use super::ping::{reply, request};

/// Requests sent before replies are read.
const BURST: usize = 64;
const TRIES: usize = 3;

/// Sends an echo request from `source` in `sender` to each of `targets`, and returns which of `catchers`
/// took the reply, in the order of the targets; and how many requests were sent. Who is silent for
/// `patience` is asked again.
pub async fn catch(
    stepper: &Stepper,
    (sender, source): (Namespace, IpAddr),
    catchers: Vec<Namespace>,
    targets: Vec<IpAddr>,
    patience: Duration,
) -> Result<(Vec<Option<usize>>, usize)> {
    let open = move |namespace: Namespace| {
        enter(&namespace)?;
        raw(Protocol::ICMPV4, source).with_context(|| format!("open an ICMP socket in {}", namespace.name()))
    };
    let sockets = stepper
        .run(move || {
            enter(&sender)?;
            let socket = raw(Protocol::ICMPV4, source).context("open an ICMP socket")?;
            // Unbound, it would send from another address.
            socket.bind(&SocketAddr::new(source, 0).into()).with_context(|| format!("send from {source}"))?;
            Ok((socket, catchers.into_iter().map(open).collect::<Result<Vec<_>>>()?))
        })
        .await?;
    let work = move || {
        let (sender, sockets) = sockets;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("create an epoll")?;
        for (index, socket) in sockets.iter().enumerate() {
            let interest = EpollEvent::new(EpollFlags::EPOLLIN, index as u64);
            epoll.add(socket.as_fd(), interest).context("watch an ICMP socket")?;
        }
        let caught = vec![None; targets.len()];
        Catching { v4: source.is_ipv4(), nonce: now(), sender, sockets, epoll, caught }.run(&targets, patience)
    };
    tokio::task::spawn_blocking(work).await.context("the catching thread panicked")?
}

struct Catching {
    v4: bool,
    /// Replies to an earlier survey are none to this one.
    nonce: u64,
    sender: Socket,
    sockets: Vec<Socket>,
    epoll: Epoll,
    caught: Vec<Option<usize>>,
}

impl Catching {
    fn run(mut self, targets: &[IpAddr], patience: Duration) -> Result<(Vec<Option<usize>>, usize)> {
        let mut sent = 0;
        for _ in 0..TRIES {
            let silent: Vec<usize> = (0..targets.len()).filter(|index| self.caught[*index].is_none()).collect();
            for burst in silent.chunks(BURST) {
                for index in burst {
                    let message = request(self.v4, self.nonce, *index as u32);
                    // Unreachable: silent like any other.
                    let _ = self.sender.send_to(&message, &SocketAddr::new(targets[*index], 0).into());
                    sent += 1;
                }
                self.receive(Duration::ZERO)?;
            }
            let end = now() + patience.as_nanos() as u64;
            while self.caught.iter().any(Option::is_none) && now() < end {
                self.receive(Duration::from_nanos(end.saturating_sub(now())))?;
            }
            if self.caught.iter().all(Option::is_some) {
                break;
            }
        }
        Ok((self.caught, sent))
    }

    /// Waits up to `patience` for replies, and reads them.
    fn receive(&mut self, patience: Duration) -> Result<()> {
        let mut ready = [EpollEvent::empty(); 64];
        let count = super::wait(&self.epoll, &mut ready, patience).context("wait for echo replies")?;
        for event in &ready[..count] {
            let catcher = event.data() as usize;
            let mut buffer = [0; 256];
            while let Ok(length) = (&self.sockets[catcher]).read(&mut buffer) {
                if let Some((nonce, number)) = reply(self.v4, &buffer[..length])
                    && nonce == self.nonce
                    && let Some(caught) = self.caught.get_mut(number as usize)
                {
                    caught.get_or_insert(catcher);
                }
            }
        }
        Ok(())
    }
}
