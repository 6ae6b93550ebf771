//! Answering at addresses of others: what a host does whose stub has taken a group away.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};
use ipnet::IpNet;
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

use super::socket;
use crate::anycast::probe::answer;
use crate::kernel::interface::Netlink as Kernel;
use crate::physics::LOOPBACK;
use crate::plan::PORT;

/// The addresses at which a host answers though it is no member.
pub(super) struct Impostor {
    host: String,
    kernel: Kernel,
    answering: BTreeMap<IpAddr, AbortHandle>,
}

impl Impostor {
    /// # Errors
    /// No netlink socket.
    pub(super) fn new(host: &str) -> Result<Self> {
        Ok(Self { host: host.to_owned(), kernel: Kernel::here("the host")?, answering: BTreeMap::new() })
    }

    /// Answers at these addresses, and at no others.
    ///
    /// # Errors
    /// An address that cannot be taken or given up.
    pub(super) async fn answer(&mut self, addresses: &[IpAddr]) -> Result<()> {
        let gone: Vec<IpAddr> = self.answering.keys().filter(|known| !addresses.contains(known)).copied().collect();
        for address in gone {
            if let Some(task) = self.answering.remove(&address) {
                task.abort();
            }
            self.kernel.remove_address(LOOPBACK, IpNet::from(address)).await?;
        }
        for address in addresses {
            if self.answering.contains_key(address) {
                continue;
            }
            let at = SocketAddr::new(*address, PORT);
            let socket = socket::open(at).with_context(|| format!("listen at {at}"))?;
            self.kernel.add_address(LOOPBACK, IpNet::from(*address)).await?;
            let task = tokio::spawn(serve(socket, self.host.clone()));
            self.answering.insert(*address, task.abort_handle());
        }
        Ok(())
    }
}

async fn serve(socket: UdpSocket, host: String) {
    let mut buffer = [0; 1500];
    loop {
        // An error is an ICMP message about an earlier answer.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = answer(&host, &buffer[..length]) {
            let _ = socket.try_send_to(&answer, from);
        }
    }
}
