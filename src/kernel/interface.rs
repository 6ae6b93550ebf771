//! Addresses, neighbors, routes and the up/down state of interfaces, in one namespace at a time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use ipnet::IpNet;
use netlink_packet_route::address::AddressHeaderFlags;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol};
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, RouteMessageBuilder};

use super::namespace::{Namespace, Stepper, enter};
use crate::physics::{Interface, LOOPBACK};

/// Netlink into one namespace, for as long as it is kept.
#[derive(Clone)]
pub struct Netlink {
    handle: Handle,
    namespace: String,
}

impl Netlink {
    pub async fn open(stepper: &Stepper, namespace: &Namespace) -> Result<Self> {
        let handle = stepper.within(namespace, open_handle).await?;
        Ok(Self { handle, namespace: namespace.name().to_owned() })
    }

    /// Netlink into each of these namespaces, in one visit of the stepper.
    pub async fn open_all(stepper: &Stepper, namespaces: Vec<Namespace>) -> Result<Vec<Self>> {
        let open = |namespace: Namespace| {
            enter(&namespace)?;
            Self::here(namespace.name())
        };
        stepper.run(move || namespaces.into_iter().map(open).collect()).await
    }

    /// Netlink into the namespace this thread is in.
    pub fn here(name: &str) -> Result<Self> {
        Ok(Self { handle: open_handle()?, namespace: name.to_owned() })
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Brings `lo` up with these addresses.
    pub async fn set_up_loopback(&self, addresses: &[IpNet]) -> Result<()> {
        self.set_state(LOOPBACK, true).await?;
        for address in addresses {
            self.add_address(LOOPBACK, *address).await?;
        }
        Ok(())
    }

    /// Adds everything `interface` carries and brings it up.
    pub async fn set_up(&self, interface: &Interface) -> Result<()> {
        try_join_all(interface.addresses.iter().map(|a| self.add_address(interface.index, *a))).await?;
        self.set_state(interface.index, true).await?;
        self.add_neighbors(interface).await?;
        for via in &interface.default_via {
            self.add_default_route(*via, interface.index).await?;
        }
        Ok(())
    }

    /// Makes a bridge of this name, index and address, with these interfaces as its ports, and sets it up. Without a
    /// spanning tree a port forwards as soon as it is there.
    pub async fn bridge(&self, bridge: &Interface, ports: &[Interface]) -> Result<()> {
        let made = LinkMessageBuilder::<LinkBridge>::new(&bridge.name);
        let made = made.index(bridge.index).address(bridge.mac.to_vec()).build();
        let made = self.handle.link().add(made).execute().await;
        made.with_context(|| {
            let cause = "an exchange is a bridge: the kernel needs CONFIG_BRIDGE (`modprobe bridge`)";
            format!("create bridge {} in {}: {cause}", bridge.name, self.namespace)
        })?;
        for port in ports {
            let message = LinkUnspec::new_with_index(port.index).controller(bridge.index).build();
            let joined = self.handle.link().set(message).execute().await;
            joined.with_context(|| format!("make {} a port of {} in {}", port.name, bridge.name, self.namespace))?;
        }
        self.set_up(bridge).await
    }

    /// Takes from an interface what `before` says and gives it what `after` says. While it is down it
    /// gets its addresses; [`Self::set_up`] does the rest.
    pub async fn renumber(&self, before: &Interface, after: &Interface, up: bool) -> Result<()> {
        for address in &after.addresses {
            self.add_address(after.index, *address).await?;
        }
        if up {
            self.add_neighbors(after).await?;
            // Before the old gateway's subnet goes: there is always a route.
            for via in &after.default_via {
                self.add_default_route(*via, after.index).await?;
            }
        }
        for (address, _) in before.neighbors.iter().filter(|old| !after.neighbors.contains(old)) {
            self.remove_neighbor(after.index, *address).await?;
        }
        for address in before.addresses.iter().filter(|old| !after.addresses.contains(old)) {
            self.remove_address(after.index, *address).await?;
        }
        Ok(())
    }

    /// Removes every route of the main table over this gateway. The kernel keeps them when the gateway's
    /// subnet goes.
    pub async fn remove_routes_via(&self, gateway: IpAddr) -> Result<()> {
        let wanted = match gateway {
            IpAddr::V4(_) => RouteMessageBuilder::<Ipv4Addr>::new().build(),
            IpAddr::V6(_) => RouteMessageBuilder::<Ipv6Addr>::new().build(),
        };
        let all: Vec<RouteMessage> = self.handle.route().get(wanted).execute().try_collect().await?;
        let via = |a: &RouteAttribute| *a == RouteAttribute::Gateway(RouteAddress::from(gateway));
        for route in all.into_iter().filter(|route| route.attributes.iter().any(via)) {
            let request = self.handle.route().del(route).execute().await;
            request.with_context(|| format!("remove a route via {gateway} in {}", self.namespace))?;
        }
        Ok(())
    }

    /// Removes a neighbor; it is no error if it is gone.
    async fn remove_neighbor(&self, index: u32, address: IpAddr) -> Result<()> {
        let message = self.handle.neighbours().add(index, address).message_mut().clone();
        match self.handle.neighbours().del(message).execute().await {
            Err(rtnetlink::Error::NetlinkError(e)) if e.to_io().raw_os_error() == Some(libc::ENOENT) => Ok(()),
            other => other.with_context(|| format!("remove neighbor {address} in {}", self.namespace)),
        }
    }

    async fn add_neighbors(&self, interface: &Interface) -> Result<()> {
        let add = |(address, mac): &(IpAddr, [u8; 6])| {
            let neighbors = self.handle.neighbours();
            neighbors.add(interface.index, *address).link_layer_address(mac).replace().execute()
        };
        let added = try_join_all(interface.neighbors.iter().map(add)).await;
        added.map(drop).with_context(|| format!("add neighbors of {} in {}", interface.name, self.namespace))
    }

    /// Adds an address, or leaves it there.
    pub async fn add_address(&self, index: u32, address: IpNet) -> Result<()> {
        let mut request = self.handle.address().add(index, address.addr(), address.prefix_len()).replace();
        if address.addr().is_ipv6() {
            // Without it the address is tentative for a second and cannot be bound.
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        request.execute().await.with_context(|| format!("add address {address} in {}", self.namespace))
    }

    /// Removes an address; it is no error if it is gone.
    pub async fn remove_address(&self, index: u32, address: IpNet) -> Result<()> {
        let mut request = self.handle.address().add(index, address.addr(), address.prefix_len());
        let message = request.message_mut().clone();
        match self.handle.address().del(message).execute().await {
            Err(rtnetlink::Error::NetlinkError(e)) if e.to_io().raw_os_error() == Some(libc::EADDRNOTAVAIL) => Ok(()),
            other => other.with_context(|| format!("remove address {address} in {}", self.namespace)),
        }
    }

    /// Brings an interface up or down.
    pub async fn set_state(&self, index: u32, up: bool) -> Result<()> {
        let builder = LinkUnspec::new_with_index(index);
        let message = if up { builder.up() } else { builder.down() }.build();
        let state = if up { "up" } else { "down" };
        let request = self.handle.link().change(message).execute().await;
        request.with_context(|| format!("bring interface {index} {state} in {}", self.namespace))
    }

    async fn add_default_route(&self, via: IpAddr, index: u32) -> Result<()> {
        let builder = RouteMessageBuilder::<IpAddr>::new();
        let any: IpAddr = if via.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let route = builder.destination_prefix(any, 0).context("a default route")?.gateway(via).context("a gateway")?;
        let route = route.output_interface(index).protocol(RouteProtocol::Static).build();
        let request = self.handle.route().add(route).replace().execute().await;
        request.with_context(|| format!("add the default route via {via} in {}", self.namespace))
    }
}

fn open_handle() -> Result<Handle> {
    let (connection, handle, _) = rtnetlink::new_connection().context("open a netlink socket")?;
    tokio::spawn(connection);
    Ok(handle)
}
