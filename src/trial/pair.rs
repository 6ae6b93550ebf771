//! Two namespaces and one link between them, by either backend: nothing crosses it but what its owner sends.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, bail};

use crate::kernel::features;
use crate::kernel::interface::Netlink;
use crate::kernel::link;
use crate::kernel::namespace::{self, Namespace, Stepper};
use crate::kernel::wire::{End, Wanted, Wire, Wires};
use crate::physics::Interface;
use crate::physics::{Backend, Egress};

/// The interface at each end.
pub const INDEX: u32 = 77;

/// Both ends, 0 and 1. `end0` and `end1` are their interfaces.
pub struct Pair {
    pub stepper: Stepper,
    pub namespaces: [Namespace; 2],
    controls: [Netlink; 2],
    medium: Medium,
}

enum Medium {
    Wire(Wire),
    /// What each end's disciplines were last told, and the seeds of their chances.
    Veth {
        shaped: [Egress; 2],
        seeds: [u64; 2],
    },
}

/// The address of an end, in a /24.
pub fn address(side: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, side as u8 + 1)
}

pub fn mac(side: usize) -> [u8; 6] {
    [2, 0, 0, 0, 1, side as u8]
}

impl Pair {
    /// Creates two namespaces, one pair of each backend in one [`namespace::NAMES`], and the link. They have no
    /// IPv6: nobody speaks unasked.
    ///
    /// # Errors
    /// If the machine lacks what the link is made of; [`Pair::missing`] tells before.
    pub async fn create(stepper: &Stepper, backend: Backend, seeds: [u64; 2]) -> Result<Self> {
        let names = [0, 1].map(|side| format!("{}{side}", super::judge::name(backend)));
        let namespaces = stepper.run(move || Ok([silent(&names[0])?, silent(&names[1])?])).await?;
        let controls = [Netlink::open(stepper, &namespaces[0]).await?, Netlink::open(stepper, &namespaces[1]).await?];
        let medium = match backend {
            Backend::Wire => Medium::Wire(wire(stepper, &namespaces, seeds).await?),
            Backend::Netem => {
                veth(stepper, &namespaces).await?;
                Medium::Veth { shaped: [Egress::default(); 2], seeds }
            }
            Backend::Auto => bail!("a trial wants one backend or the other"),
        };
        let pair = Self { stepper: stepper.clone(), namespaces, controls, medium };
        for side in [0, 1] {
            pair.set_up(side).await?;
        }
        Ok(pair)
    }

    /// What this machine lacks for a backend.
    pub async fn missing(stepper: &Stepper, backend: Backend) -> Result<Option<String>> {
        if backend == Backend::Wire {
            return Ok(features::open_tun().err().map(|error| format!("/dev/net/tun: {error}")));
        }
        let scratch = stepper.run(|| silent("scratch")).await?;
        let has_netem = Netlink::open(stepper, &scratch).await?.has_netem().await?;
        Ok((!has_netem).then(|| "netem in this kernel: `modprobe sch_netem`, or scripts/test-vm".to_owned()))
    }

    /// Gives an end its address and its neighbor, and brings it up.
    pub async fn set_up(&self, side: usize) -> Result<()> {
        let interface = Interface {
            name: name(side),
            index: INDEX,
            mac: mac(side),
            addresses: vec![format!("{}/24", address(side)).parse().context("an address")?],
            neighbors: vec![(IpAddr::V4(address(1 - side)), mac(1 - side))],
            default_via: Vec::new(),
        };
        self.controls[side].set_up(&interface).await
    }

    pub fn control(&self, side: usize) -> &Netlink {
        &self.controls[side]
    }

    /// The link, if it is a wire.
    pub fn wire(&self) -> Option<&Wire> {
        match &self.medium {
            Medium::Wire(wire) => Some(wire),
            Medium::Veth { .. } => None,
        }
    }

    /// Makes an end send like this from now on: it is so for the next frame sent.
    pub async fn set(&mut self, side: usize, egress: Egress) -> Result<()> {
        match &mut self.medium {
            Medium::Wire(wire) => {
                wire.set(side, egress)?;
                // It answers when it has obeyed.
                wire.counters().await.map(drop)
            }
            Medium::Veth { shaped, seeds } => {
                let shaped = &mut shaped[side];
                *shaped = self.controls[side].set_egress(INDEX, shaped, &egress, seeds[side]).await?;
                Ok(())
            }
        }
    }

    /// Makes the link do nothing again, in both directions. What is under way is lost.
    pub async fn clear(&mut self) -> Result<()> {
        for side in [0, 1] {
            self.set(side, Egress::default()).await?;
        }
        match &mut self.medium {
            Medium::Wire(wire) => wire.flush(),
            Medium::Veth { shaped, .. } => {
                *shaped = [Egress::default(); 2];
                for control in &self.controls {
                    control.remove_egress(INDEX).await?;
                }
                Ok(())
            }
        }
    }
}

fn name(side: usize) -> String {
    format!("end{side}")
}

/// For jobs of a [`Stepper`].
fn silent(name: &str) -> Result<Namespace> {
    let namespace = namespace::create(name)?;
    for which in ["all", "default"] {
        let path = format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6");
        // A kernel without IPv6 is silent anyway.
        if fs::exists(&path).unwrap_or(false) {
            fs::write(&path, "1").with_context(|| format!("write {path}"))?;
        }
    }
    Ok(namespace)
}

async fn wire(stepper: &Stepper, namespaces: &[Namespace; 2], seeds: [u64; 2]) -> Result<Wire> {
    let end = |side: usize| End { namespace: namespaces[side].clone(), name: name(side), index: INDEX, mac: mac(side) };
    let wanted = Wanted { ends: [end(0), end(1)], lines: [Egress::default(); 2], seeds };
    Wires::start(1)?.create(stepper, wanted).await
}

async fn veth(stepper: &Stepper, namespaces: &[Namespace; 2]) -> Result<()> {
    // Where the link is made, both indices must be free.
    let between = stepper.run(|| silent("between")).await?;
    let control = Netlink::open(stepper, &between).await?;
    let names = [name(0), name(1)];
    let end = |side: usize| link::End {
        namespace: namespaces[side].raw_fd(),
        name: &names[side],
        index: INDEX,
        mac: mac(side),
    };
    link::create(control.handle(), end(0), end(1), true).await
}
