//! Networks of VDCs and of vApps, and the addresses that NICs get from them.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
};

use super::{Caller, Cloud, NicRequest, check_name, found};
use crate::{
    env::{new_mac, parse_mac},
    error::{Error, ErrorKind, Result},
    id::Id,
    model::{
        FenceMode, IpMode, IpScope, Network, NicSpec, Org, Outcome, VApp, VAppNetwork, Vdc, Vm,
    },
    store::{
        By, Tx,
        gather::{first, one},
    },
};

/// A VDC network to be made.
#[derive(Clone, Debug)]
pub struct NewNetwork {
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Its addressing.
    pub scope: IpScope,
}

/// A vApp network, as a client wants it.
#[derive(Clone, Debug, Default)]
pub struct VAppNetworkRequest {
    /// The name that NICs refer to.
    pub name: String,
    /// Free text.
    pub description: String,
    /// How it is connected; none is isolated without a parent and bridged with one.
    pub fence_mode: Option<FenceMode>,
    /// The organization network it is connected to, as the client names it.
    pub parent: Option<Id<Network>>,
    /// Its addressing.
    pub scopes: Vec<IpScope>,
    /// Whether addresses survive a stop.
    pub retain_net_info: bool,
}

/// A network of either kind.
#[derive(Clone, Debug)]
pub enum AnyNetwork {
    /// Of a VDC.
    Vdc(Network),
    /// Of a vApp, with the vApp.
    VApp(VAppNetwork, VApp),
}

/// The most NICs that a VM has.
const MAX_NICS: usize = 10;

impl Cloud {
    /// A network of a VDC.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn network(&self, caller: &Caller, id: Id<Network>) -> Result<Network> {
        visible_network(&mut self.glance().await?, caller, id).await
    }

    /// The networks of an organization's VDCs, by name.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn networks(&self, caller: &Caller, org: Id<Org>) -> Result<Vec<Network>> {
        if !caller.sees_org(org) {
            return Err(Error::no_access(org));
        }
        self.glance().await?.select(&[By::Org(org)]).await
    }

    /// Makes an isolated network in a VDC. Provider only.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Forbidden`.
    pub async fn create_network(
        &self,
        caller: &Caller,
        vdc: Id<Vdc>,
        new: NewNetwork,
    ) -> Result<Network> {
        caller.require_provider()?;
        check_name(&new.name)?;
        check_scope(&new.scope)?;
        let mut tx = self.begin().await?;
        let vdc = found(tx.get(vdc).await?, vdc)?;
        let network = Network {
            id: self.id(),
            org: vdc.org,
            vdc: vdc.id,
            name: new.name,
            description: new.description,
            fence_mode: FenceMode::Isolated,
            scope: new.scope,
            shared: false,
            version: 0,
        };
        tx.insert(&network).await?;
        self.audit(
            caller,
            &mut tx,
            "networkCreate",
            (network.id.any(), &network.name),
            Outcome::Success,
        )
        .await?;
        tx.commit().await?;
        Ok(network)
    }

    /// A network of a VDC, or of a vApp.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn any_network(&self, caller: &Caller, id: Id<Network>) -> Result<AnyNetwork> {
        let parts = (one(id), first([By::VAppNetwork(id)]));
        let (network, vapp): (Option<Network>, Option<VApp>) =
            self.glance().await?.gather(parts).await?;
        if let Some(network) = network.filter(|network| caller.sees_org(network.org)) {
            return Ok(AnyNetwork::Vdc(network));
        }
        let vapp = vapp.filter(|vapp| caller.sees_owned(vapp.org, vapp.owner));
        let vapp = vapp.ok_or_else(|| Error::no_access(id))?;
        let network = vapp.networks.iter().find(|network| network.id == id).cloned();
        network.map(|network| AnyNetwork::VApp(network, vapp)).ok_or_else(|| Error::no_access(id))
    }

    /// The vApp's networks after a request for exactly these. Those that stay keep their ids.
    pub(super) async fn resolve_networks(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        vdc: &Vdc,
        old: &[VAppNetwork],
        wanted: Vec<VAppNetworkRequest>,
    ) -> Result<Vec<VAppNetwork>> {
        let mut networks: Vec<VAppNetwork> = Vec::new();
        for request in wanted {
            check_name(&request.name)?;
            if networks.iter().any(|network| network.name == request.name) {
                return Err(Error::new(
                    ErrorKind::DuplicateName,
                    format!("The vApp has two networks named \"{}\".", request.name),
                ));
            }
            let parent = match request.parent {
                Some(parent) => {
                    let parent = visible_network(tx, caller, parent).await?;
                    if parent.vdc != vdc.id && !(parent.shared && parent.org == vdc.org) {
                        return Err(Error::no_access(parent.id));
                    }
                    Some(parent)
                }
                None => None,
            };
            let fence_mode = request.fence_mode.unwrap_or(if parent.is_some() {
                FenceMode::Bridged
            } else {
                FenceMode::Isolated
            });
            let scopes = match (&parent, fence_mode) {
                // A bridged network has the addresses of its parent.
                (Some(parent), FenceMode::Bridged) => {
                    vec![IpScope { inherited: true, ..parent.scope.clone() }]
                }
                (None, FenceMode::Bridged | FenceMode::NatRouted) => {
                    return Err(Error::bad_request(format!(
                        "The network \"{}\" needs a parent network.",
                        request.name
                    )));
                }
                (_, FenceMode::NatRouted) => {
                    return Err(Error::not_supported("routed vApp networks"));
                }
                (_, FenceMode::Isolated) => {
                    request.scopes.iter().try_for_each(check_scope)?;
                    request.scopes
                }
            };
            let id = old
                .iter()
                .find(|network| network.name == request.name)
                .map_or_else(|| self.id(), |n| n.id);
            networks.push(VAppNetwork {
                id,
                name: request.name,
                description: request.description,
                fence_mode,
                parent: parent.map(|parent| parent.id),
                scopes,
                retain_net_info: request.retain_net_info,
            });
        }
        Ok(networks)
    }

    /// The NICs that a request for exactly these comes to: with MAC addresses, and addresses from the pool, unless
    /// the VDC's backend leaves them to the networks that it has. `others` are the vApp's other VMs, and those about
    /// to be added.
    pub(super) async fn resolve_nics(
        &self,
        tx: &mut Tx,
        vdc: &Vdc,
        networks: &[VAppNetwork],
        others: &[&Vm],
        old: &[NicSpec],
        mut wanted: Vec<NicRequest>,
    ) -> Result<Vec<NicSpec>> {
        if wanted.len() > MAX_NICS {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("A VM has at most {MAX_NICS} NICs."),
            ));
        }
        // Addresses that are asked for, or held already, go before those that are to be found.
        wanted.sort_by_key(|request| {
            let new = old.iter().all(|nic| nic.index != request.index);
            (request.mode != IpMode::Manual, new)
        });
        let mut nics: Vec<NicSpec> = Vec::new();
        let mut used = HashMap::new();
        let gives = self.capabilities(vdc).addresses;
        for request in wanted {
            if request.index < 0 || nics.iter().any(|nic| nic.index == request.index) {
                return Err(Error::bad_request(format!(
                    "There are two NICs with index {}.",
                    request.index
                )));
            }
            let before = old.iter().find(|nic| nic.index == request.index);
            let network = match request.network.as_deref().filter(|name| *name != "none") {
                None => None,
                Some(name) => {
                    Some(networks.iter().find(|network| network.name == name).ok_or_else(|| {
                        Error::new(
                            ErrorKind::InvalidReference,
                            format!("The vApp has no network named \"{name}\"."),
                        )
                    })?)
                }
            };
            let mut nic = NicSpec {
                index: request.index,
                network: network.map(|network| network.name.clone()),
                parent: network.and_then(|network| network.parent),
                connected: request.connected,
                mode: if network.is_some() { request.mode } else { IpMode::None },
                ip: None,
                mac: match request.mac.filter(|mac| !mac.is_empty()) {
                    Some(mac) => parse_mac(&mac).ok_or_else(|| {
                        Error::bad_request(format!("\"{mac}\" is not a MAC address."))
                    })?,
                    None => before
                        .map(|nic| nic.mac.clone())
                        .unwrap_or_else(|| self.free_mac(others, old, &nics)),
                },
                adapter: request.adapter.unwrap_or_else(|| "VMXNET3".to_owned()),
            };
            if let Some(network) = network {
                nic.ip = match nic.mode {
                    IpMode::None | IpMode::Dhcp => None,
                    IpMode::Manual if !gives => {
                        return Err(Error::not_supported("an address by hand"));
                    }
                    IpMode::Pool if !gives => None,
                    IpMode::Manual => {
                        let taken =
                            taken_addresses(tx, &mut used, network, others, old, &nics).await?;
                        Some(manual_address(network, request.ip, &taken)?)
                    }
                    IpMode::Pool => {
                        let taken =
                            taken_addresses(tx, &mut used, network, others, old, &nics).await?;
                        let keep = before
                            .filter(|old| old.network == nic.network && old.parent == nic.parent)
                            .filter(|old| old.mode == IpMode::Pool)
                            .and_then(|old| old.ip)
                            .filter(|ip| network.scopes.iter().any(|scope| scope.contains(*ip)))
                            .filter(|ip| !taken.contains(ip));
                        Some(keep.map_or_else(|| pool_address(network, &taken), Ok)?)
                    }
                };
            }
            nics.push(nic);
        }
        nics.sort_by_key(|nic| nic.index);
        Ok(nics)
    }

    /// A MAC address that none of these NICs has.
    fn free_mac(&self, others: &[&Vm], old: &[NicSpec], new: &[NicSpec]) -> String {
        let known = |mac: &String| {
            let in_vapp = others.iter().flat_map(|vm| &vm.spec.nics);
            in_vapp.chain(old).chain(new).any(|nic| nic.mac == *mac)
        };
        let mut mac = new_mac(self.inner.ids.as_ref());
        // Few of millions are known: another one is free.
        for _ in 0..8 {
            if !known(&mac) {
                break;
            }
            mac = new_mac(self.inner.ids.as_ref());
        }
        mac
    }
}

/// The network of a VDC, if the caller sees it.
async fn visible_network(tx: &mut Tx, caller: &Caller, id: Id<Network>) -> Result<Network> {
    let network = found(tx.get(id).await?, id)?;
    if caller.sees_org(network.org) { Ok(network) } else { Err(Error::no_access(id)) }
}

fn check_scope(scope: &IpScope) -> Result<()> {
    let inside = scope
        .ranges
        .iter()
        .all(|r| r.start <= r.end && scope.contains(r.start) && scope.contains(r.end));
    // /8 is the largest network whose pool is worth walking through.
    if !inside || !(8..=30).contains(&scope.prefix) {
        return Err(Error::bad_request(format!(
            "The network {}/{} and its address ranges do not go together.",
            scope.gateway, scope.prefix
        )));
    }
    Ok(())
}

fn manual_address(
    network: &VAppNetwork,
    ip: Option<Ipv4Addr>,
    taken: &HashSet<Ipv4Addr>,
) -> Result<Ipv4Addr> {
    let ip = ip.ok_or_else(|| Error::bad_request("A NIC with mode MANUAL needs an IpAddress."))?;
    if taken.contains(&ip) || network.scopes.iter().any(|scope| scope.gateway == ip) {
        return Err(Error::bad_request(format!("The address {ip} is already in use.")));
    }
    if network.scopes.is_empty() || network.scopes.iter().any(|scope| scope.contains(ip)) {
        return Ok(ip);
    }
    Err(Error::bad_request(format!("The address {ip} is not in the network \"{}\".", network.name)))
}

fn pool_address(network: &VAppNetwork, taken: &HashSet<Ipv4Addr>) -> Result<Ipv4Addr> {
    network.scopes.iter().find_map(|scope| scope.free_address(|ip| taken.contains(&ip))).ok_or_else(
        || {
            Error::new(
                ErrorKind::LimitExceeded,
                format!("The network \"{}\" has no free address in its static pool.", network.name),
            )
        },
    )
}

/// The addresses of a network that are not free for a VM which has the NICs `own`. `used` remembers what
/// other VMs hold of each organization network.
async fn taken_addresses(
    tx: &mut Tx,
    used: &mut HashMap<Id<Network>, HashSet<Ipv4Addr>>,
    network: &VAppNetwork,
    others: &[&Vm],
    own: &[NicSpec],
    new: &[NicSpec],
) -> Result<HashSet<Ipv4Addr>> {
    let mut taken = match network.parent {
        None => HashSet::new(),
        Some(parent) => match used.get(&parent) {
            Some(known) => known.clone(),
            None => {
                let held = held_by_others(tx, parent, own).await?;
                used.insert(parent, held.clone());
                held
            }
        },
    };
    let same = |nic: &&NicSpec| {
        nic.network.as_ref() == Some(&network.name)
            || (nic.parent.is_some() && nic.parent == network.parent)
    };
    let in_vapp = others.iter().flat_map(|vm| &vm.spec.nics).chain(new);
    taken.extend(in_vapp.filter(same).filter_map(|nic| nic.ip));
    Ok(taken)
}

/// The addresses of an organization network that VMs hold other than the one with the NICs `own`.
async fn held_by_others(
    tx: &mut Tx,
    parent: Id<Network>,
    own: &[NicSpec],
) -> Result<HashSet<Ipv4Addr>> {
    let mut held = tx.used_addresses(parent).await?;
    // Each NIC has an entry: another VM with the same address has one of its own.
    for ip in own.iter().filter(|nic| nic.parent == Some(parent)).filter_map(|nic| nic.ip) {
        if let Some(at) = held.iter().position(|address| *address == ip) {
            held.swap_remove(at);
        }
    }
    Ok(held.into_iter().collect())
}
