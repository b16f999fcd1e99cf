//! Networks, of VDCs and of vApps.

use poem_openapi::{ApiResponse, OpenApi, param::Path};
use ssvirt_core::{
    Id,
    model::{FenceMode, IpScope, Network, VApp, VAppNetwork},
    service,
    store::gather::Named,
};
use ssvirt_vcd::{link::rel, mt, types};

use super::{Answer, view};
use crate::{
    context::Ctx,
    error::VcdError,
    links::{link, reference},
    wire::Vcd,
};

pub struct NetworkApi;

/// A network of a VDC or of a vApp.
pub enum AnyNetwork {
    /// Of a VDC.
    Org(Box<types::OrgVdcNetwork>),
    /// Of a vApp.
    VApp(Box<types::VAppNetwork>),
}

impl poem::IntoResponse for AnyNetwork {
    fn into_response(self) -> poem::Response {
        match self {
            Self::Org(network) => Vcd::<_, 200>(*network).into_response(),
            Self::VApp(network) => Vcd::<_, 200>(*network).into_response(),
        }
    }
}

impl ApiResponse for AnyNetwork {
    fn meta() -> poem_openapi::registry::MetaResponses {
        let mut meta = Vcd::<types::OrgVdcNetwork>::meta();
        if let Some(response) = meta.responses.first_mut() {
            response.content.extend(crate::wire::media_types::<types::VAppNetwork>());
        }
        meta
    }

    fn register(registry: &mut poem_openapi::registry::Registry) {
        Vcd::<types::OrgVdcNetwork>::register(registry);
        Vcd::<types::VAppNetwork>::register(registry);
    }
}

#[OpenApi(tag = "super::Tag::Networks")]
impl NetworkApi {
    /// A network of a VDC or of a vApp
    #[oai(path = "/api/network/:id", method = "get", operation_id = "getNetwork")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<AnyNetwork, VcdError> {
        let id = Id::parse(&id)?;
        Ok(match ctx.cloud.any_network(&ctx.caller, id).await? {
            service::AnyNetwork::Vdc(network) => {
                AnyNetwork::Org(Box::new(org_view(&ctx, &network, false)))
            }
            service::AnyNetwork::VApp(network, vapp) => {
                AnyNetwork::VApp(Box::new(vapp_view(&ctx, &network, &vapp)))
            }
        })
    }

    /// A network of a VDC, as an administrator sees it
    #[oai(path = "/api/admin/network/:id", method = "get", operation_id = "getAdminNetwork")]
    async fn get_admin(&self, ctx: Ctx, id: Path<String>) -> Answer<types::OrgVdcNetwork> {
        let network = ctx.cloud.network(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(org_view(&ctx, &network, true)))
    }
}

fn org_view(ctx: &Ctx, network: &Network, admin: bool) -> types::OrgVdcNetwork {
    let links = &ctx.links;
    let tenant = links.network(network.id);
    let href = if admin { links.admin_network(network.id) } else { tenant.clone() };
    let mut entity = view::entity(
        &network.name,
        network.id.any(),
        href,
        mt::ORG_VDC_NETWORK,
        &network.description,
    );
    entity.link = vec![
        if admin {
            link(rel::UP, links.admin_vdc(network.vdc), mt::ADMIN_VDC)
        } else {
            link(rel::UP, links.vdc(network.vdc), mt::VDC)
        },
        link(rel::DOWN, format!("{tenant}/metadata"), mt::METADATA),
    ];
    types::OrgVdcNetwork {
        entity,
        status: Some(1),
        configuration: Some(types::NetworkConfiguration {
            backward_compatibility_mode: Some(false),
            ip_scopes: Some(types::IpScopes { ip_scope: vec![scope(&network.scope)] }),
            fence_mode: network.fence_mode.name().to_owned(),
            retain_net_info_across_deployments: Some(false),
            ..types::NetworkConfiguration::default()
        }),
        is_shared: Some(network.shared),
        ..types::OrgVdcNetwork::default()
    }
}

fn vapp_view(ctx: &Ctx, network: &VAppNetwork, vapp: &VApp) -> types::VAppNetwork {
    let href = ctx.links.network(network.id);
    let mut entity =
        view::entity(&network.name, network.id.any(), href, mt::VAPP_NETWORK, &network.description);
    entity.link = vec![link(rel::UP, ctx.links.vapp(vapp.id), mt::VAPP)];
    types::VAppNetwork {
        entity,
        deployed: Some(true),
        configuration: Some(configuration(ctx, network, &[])),
    }
}

/// The configuration of a vApp network; `known` gives parents their names.
pub fn configuration(
    ctx: &Ctx,
    network: &VAppNetwork,
    known: &[Named<Network>],
) -> types::NetworkConfiguration {
    let parent = network.parent.map(|id| {
        let name = known
            .iter()
            .find(|row| row.id == id)
            .map_or(network.name.as_str(), |row| row.name.as_str());
        reference(ctx.links.network(id), id.urn(), name, mt::ORG_VDC_NETWORK)
    });
    types::NetworkConfiguration {
        backward_compatibility_mode: Some(false),
        ip_scopes: Some(types::IpScopes { ip_scope: network.scopes.iter().map(scope).collect() }),
        parent_network: parent,
        fence_mode: network.fence_mode.name().to_owned(),
        retain_net_info_across_deployments: Some(network.retain_net_info),
        guest_vlan_allowed: Some(false),
        dual_stack_network: None,
        ..types::NetworkConfiguration::default()
    }
}

fn scope(scope: &IpScope) -> types::IpScope {
    let range = |range: &ssvirt_core::model::IpRange| types::IpRange {
        start_address: range.start.to_string(),
        end_address: range.end.to_string(),
    };
    types::IpScope {
        is_inherited: scope.inherited,
        gateway: Some(scope.gateway.to_string()),
        netmask: Some(scope.netmask().to_string()),
        subnet_prefix_length: Some(i32::from(scope.prefix)),
        dns1: scope.dns1.clone(),
        dns2: scope.dns2.clone(),
        dns_suffix: scope.dns_suffix.clone(),
        is_enabled: Some(true),
        ip_ranges: Some(types::IpRanges { ip_range: scope.ranges.iter().map(range).collect() }),
        allocated_ip_addresses: None,
    }
}

/// Reads an IpScope element.
pub fn parse_scope(element: &types::IpScope) -> Result<IpScope, VcdError> {
    let bad = |what: &str| {
        VcdError::bad_request(format!("Bad request: {what} of an IpScope is missing or wrong."))
    };
    let address = |text: Option<&String>| text.and_then(|text| text.parse().ok());
    let gateway = address(element.gateway.as_ref()).ok_or_else(|| bad("Gateway"))?;
    let netmask = address(element.netmask.as_ref()).and_then(IpScope::prefix_of);
    let prefix = element.subnet_prefix_length.and_then(|length| u8::try_from(length).ok());
    let ranges = element.ip_ranges.iter().flat_map(|ranges| &ranges.ip_range).map(|range| {
        let start = range.start_address.parse().map_err(|_| bad("StartAddress"))?;
        let end = range.end_address.parse().map_err(|_| bad("EndAddress"))?;
        Ok(ssvirt_core::model::IpRange { start, end })
    });
    Ok(IpScope {
        inherited: element.is_inherited,
        gateway,
        prefix: prefix.or(netmask).filter(|prefix| *prefix <= 32).ok_or_else(|| bad("Netmask"))?,
        dns1: element.dns1.clone(),
        dns2: element.dns2.clone(),
        dns_suffix: element.dns_suffix.clone(),
        ranges: ranges.collect::<Result<_, VcdError>>()?,
    })
}

/// Reads a FenceMode element.
pub fn parse_fence_mode(text: &str) -> Result<FenceMode, VcdError> {
    FenceMode::from_name(text).ok_or_else(|| {
        VcdError::bad_request(format!("Bad request: \"{text}\" is not a FenceMode."))
    })
}
