//! `/cloudapi/1.0.0/vdcs/{id}/actions/instantiateTemplate`: a vApp of a catalog item, in every shape that the
//! web console asks for it.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use poem_openapi::{Object, OpenApi, param::Path, types::Example};
use serde::Deserialize;
use ssvirt_core::{
    Error, ErrorKind, Id,
    model::{self, GuestCustomization, IpMode, Product, Property, TemplateVm},
    service::{NewVApp, NewVm, NicRequest, VAppNetworkRequest, VmChange, VmSource},
};
use uuid::Uuid;

use super::{
    EntityRef,
    answer::{Given, Made},
    vapp::{self, VApp},
};
use crate::{context::Ctx, error::VcdError};

pub struct InstantiateApi;

/// What a new vApp is to be like.
#[derive(Default, Object, Deserialize)]
#[oai(rename_all = "camelCase", example, skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InstantiateTemplate {
    /// The name.
    #[oai(validator(min_length = 1, max_length = 128))]
    name: String,
    /// Free text.
    description: Option<String>,
    /// The catalog item: by its id, or by its catalog's id and its name.
    catalog_item: Option<EntityRef>,
    /// The catalog item's id, another way to name it.
    catalog_item_urn: Option<String>,
    /// Whether its VMs are deployed; yes unless said.
    deploy: Option<bool>,
    /// Whether they are switched on; yes if they are deployed, unless said.
    power_on: Option<bool>,
    /// Whether the licences are accepted; there are none.
    accept_all_eulas: Option<bool>,
    /// What the guests are set up with.
    guest_customization: Option<GuestSettings>,
    /// The NICs of every VM.
    network_connection_section: Option<NetworkSection>,
    /// Values of what the template asks for, by the keys of its product sections' properties.
    parameters: Option<BTreeMap<String, String>>,
}

impl Example for InstantiateTemplate {
    fn example() -> Self {
        Self {
            name: "web".to_owned(),
            catalog_item: Some(EntityRef {
                name: Some("debian-13".to_owned()),
                id: Some("urn:vcloud:catalogitem:00000000-0000-0000-0000-00000000000a".to_owned()),
            }),
            deploy: Some(true),
            power_on: Some(false),
            guest_customization: Some(GuestSettings {
                computer_name: Some("web-1".to_owned()),
                ..GuestSettings::default()
            }),
            ..Self::default()
        }
    }
}

/// What a guest is set up with.
#[derive(Default, Object, Deserialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GuestSettings {
    /// The host name; only for a template with one VM.
    computer_name: Option<String>,
    /// The administrator's password.
    admin_password: Option<String>,
    /// Whether it is set.
    admin_password_enabled: Option<bool>,
    /// Whether the server makes one up.
    admin_password_auto: Option<bool>,
    /// Whether it must be changed at the first login.
    reset_password_required: Option<bool>,
    /// A script to run.
    customization_script: Option<String>,
}

/// The NICs of a VM.
#[derive(Default, Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NetworkSection {
    /// One for each NIC.
    network_connection: Vec<NicSettings>,
}

/// A NIC.
#[derive(Default, Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NicSettings {
    /// The name of a network of the VDC; `none` for no network, `default` for the first one unless one has
    /// that name.
    network: String,
    /// Its number, from 0.
    network_connection_index: i32,
    /// Whether it is connected; yes unless said.
    is_connected: Option<bool>,
    /// `POOL`, `DHCP`, `MANUAL` or `NONE`.
    ip_address_allocation_mode: Option<String>,
    /// The address, with `MANUAL`.
    ip_address: Option<String>,
    /// Whether it is the primary one; the first is, unless said.
    is_primary: Option<bool>,
}

/// What the web console calls the network where none has been chosen.
const ANY_NETWORK: &str = "default";

/// A catalog item as a client names it.
struct ItemName {
    /// Its id, or its catalog's.
    id: Uuid,
    name: Option<String>,
}

impl ItemName {
    /// `urn:vcloud:catalogitem:<item>`, or with the catalog's UUID and the item's name as a fifth part; or
    /// a bare UUID.
    fn parse(id: &str, name: Option<&str>) -> Result<Self, VcdError> {
        let bad = || VcdError::bad_request(format!("Bad request: \"{id}\" is no catalog item."));
        let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        let parts: Vec<&str> = id.splitn(5, ':').collect();
        let (uuid, name) = match parts.as_slice() {
            [uuid] | [_, _, _, uuid] => (*uuid, name),
            [_, _, _, uuid, encoded] => {
                let spaced = encoded.replace('+', " ");
                let decoded = percent_decode_str(&spaced).decode_utf8();
                (*uuid, Some(decoded.map_err(|_| bad())?.into_owned()))
            }
            _ => return Err(bad()),
        };
        let kind = |at: usize, word: &str| {
            parts.len() == 1 || parts.get(at).is_some_and(|part| part.eq_ignore_ascii_case(word))
        };
        if !kind(0, "urn") || !kind(1, "vcloud") || !kind(2, "catalogitem") {
            return Err(bad());
        }
        Ok(Self { id: Uuid::try_parse(uuid).map_err(|_| bad())?, name })
    }

    /// The template that the item stands for.
    async fn template(&self, ctx: &Ctx) -> Result<Id<model::Template>, VcdError> {
        let item = Id::<model::CatalogItem>::new(self.id);
        let refused = match ctx.cloud.catalog_item(&ctx.caller, item).await {
            Ok((item, _)) => return Ok(item.template),
            Err(error) if error.kind() == ErrorKind::Forbidden => error,
            Err(error) => return Err(error.into()),
        };
        let Some(name) = &self.name else { return Err(refused.into()) };
        match ctx.cloud.catalog(&ctx.caller, Id::new(self.id)).await {
            Ok(catalog) => {
                let item = catalog.items.into_iter().find(|item| item.name == *name);
                Ok(item.ok_or(refused)?.template)
            }
            Err(error) if error.kind() == ErrorKind::Forbidden => Err(refused.into()),
            Err(error) => Err(error.into()),
        }
    }
}

impl InstantiateTemplate {
    fn item(&self) -> Result<ItemName, VcdError> {
        let given = self.catalog_item.as_ref();
        let id = self.catalog_item_urn.as_deref().or(given.and_then(|item| item.id.as_deref()));
        let id =
            id.ok_or_else(|| VcdError::bad_request("Bad request: no catalog item is named."))?;
        ItemName::parse(id, given.and_then(|item| item.name.as_deref()))
    }

    /// What is different in each VM from the template's.
    fn change(&self, vms: usize) -> Result<VmChange, VcdError> {
        let mut change = VmChange::default();
        if let Some(guest) = &self.guest_customization {
            let computer_name = guest.computer_name.clone().filter(|name| !name.is_empty());
            if computer_name.is_some() && vms > 1 {
                return Err(VcdError::bad_request(
                    "Bad request: a computerName is for a template with one VM.",
                ));
            }
            let password = guest.admin_password.clone().filter(|password| !password.is_empty());
            change.guest = Some(GuestCustomization {
                enabled: true,
                computer_name,
                admin_password_enabled: guest.admin_password_enabled.unwrap_or(password.is_some()),
                admin_password_auto: guest.admin_password_auto.unwrap_or(false),
                admin_password: password,
                reset_password_required: guest.reset_password_required.unwrap_or(false),
                script: guest.customization_script.clone().filter(|script| !script.is_empty()),
                ..GuestCustomization::default()
            });
        }
        if let Some(section) = &self.network_connection_section {
            let primary =
                section.network_connection.iter().find(|nic| nic.is_primary == Some(true));
            let first = section.network_connection.first();
            let primary = primary.or(first).map_or(0, |nic| nic.network_connection_index);
            let nics = section.network_connection.iter().map(NicSettings::request);
            change.nics = Some((primary, nics.collect::<Result<_, _>>()?));
        }
        Ok(change)
    }

    /// Says which network is meant where the console leaves it open: the first by name.
    fn choose_network(&mut self, known: &[model::Network]) {
        if known.iter().any(|network| network.name == ANY_NETWORK) {
            return;
        }
        let Some(first) = known.iter().map(|network| &network.name).min() else { return };
        let section = self.network_connection_section.iter_mut();
        for nic in section.flat_map(|section| &mut section.network_connection) {
            if nic.network == ANY_NETWORK {
                nic.network.clone_from(first);
            }
        }
    }

    /// The networks that its NICs are connected to, as networks of the new vApp.
    fn networks(&self, known: &[model::Network]) -> Result<Vec<VAppNetworkRequest>, VcdError> {
        let mut networks: Vec<VAppNetworkRequest> = Vec::new();
        let section = self.network_connection_section.iter();
        for nic in section.flat_map(|section| &section.network_connection) {
            let name = &nic.network;
            if nic.is_nowhere() || networks.iter().any(|network| network.name == *name) {
                continue;
            }
            let parent = known.iter().find(|network| network.name == *name).ok_or_else(|| {
                let message = format!("The VDC has no network \"{name}\".");
                Error::new(ErrorKind::InvalidReference, message)
            })?;
            networks.push(VAppNetworkRequest {
                name: name.clone(),
                description: String::new(),
                fence_mode: None,
                parent: Some(parent.id),
                scopes: Vec::new(),
                retain_net_info: false,
            });
        }
        Ok(networks)
    }
}

impl NicSettings {
    fn is_nowhere(&self) -> bool {
        self.network.is_empty() || self.network == "none"
    }

    fn request(&self) -> Result<NicRequest, VcdError> {
        let mode = self.ip_address_allocation_mode.as_deref();
        let mode = mode.unwrap_or(if self.is_nowhere() { "NONE" } else { "DHCP" });
        let mode = [IpMode::None, IpMode::Pool, IpMode::Dhcp, IpMode::Manual]
            .into_iter()
            .find(|known| known.name() == mode)
            .ok_or_else(|| {
                VcdError::bad_request(format!("Bad request: \"{mode}\" is not an allocation mode."))
            })?;
        let ip = self.ip_address.as_deref().filter(|ip| !ip.is_empty());
        let ip = ip
            .map(str::parse)
            .transpose()
            .map_err(|_| VcdError::bad_request("Bad request: an ipAddress is an IPv4 address."))?;
        Ok(NicRequest {
            index: self.network_connection_index,
            network: (!self.is_nowhere()).then(|| self.network.clone()),
            connected: self.is_connected.unwrap_or(true),
            mode,
            ip,
            ..NicRequest::default()
        })
    }
}

/// A copy of each VM, with the values of what that VM asks for.
fn copies(
    vms: &[TemplateVm],
    change: &VmChange,
    parameters: &BTreeMap<String, String>,
) -> Result<Vec<NewVm>, VcdError> {
    let asks = |vm: &TemplateVm, key: &str| {
        let mut properties = vm.products.iter().flat_map(|product| &product.properties);
        properties.any(|property| property.key == key)
    };
    if let Some(unknown) = parameters.keys().find(|key| !vms.iter().any(|vm| asks(vm, key))) {
        let message = format!("Bad request: the template has no parameter \"{unknown}\".");
        return Err(VcdError::bad_request(message));
    }
    let copy = |vm: &TemplateVm| {
        let given = parameters.iter().filter(|(key, _)| asks(vm, key));
        let property = |(key, value): (&String, &String)| Property {
            key: key.clone(),
            value: Some(value.clone()),
            ..Property::default()
        };
        let properties: Vec<Property> = given.map(property).collect();
        let mut change = change.clone();
        if !properties.is_empty() {
            change.products = Some(vec![Product { properties, ..Product::default() }]);
        }
        NewVm { name: None, description: None, source: VmSource::Template(vm.id), change }
    };
    Ok(vms.iter().map(copy).collect())
}

#[OpenApi(tag = "crate::api::Tag::VApps")]
impl InstantiateApi {
    /// Make a vApp of a catalog item
    #[oai(
        path = "/cloudapi/1.0.0/vdcs/:id/actions/instantiateTemplate",
        method = "post",
        operation_id = "instantiateTemplate"
    )]
    async fn instantiate(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Given<InstantiateTemplate>,
    ) -> Result<Made<VApp>, VcdError> {
        let mut body = body.0;
        let vdc = ctx.cloud.vdc(&ctx.caller, Id::parse(&id)?).await?;
        let template = body.item()?.template(&ctx).await?;
        let (template, ..) = ctx.cloud.template(&ctx.caller, template).await?;
        let known = match &body.network_connection_section {
            Some(_) => ctx.cloud.networks(&ctx.caller, vdc.org).await?,
            None => Vec::new(),
        };
        let known: Vec<_> = known.into_iter().filter(|network| network.vdc == vdc.id).collect();
        body.choose_network(&known);
        let change = body.change(template.vms.len())?;
        let deploy = body.deploy.unwrap_or(true);
        let new = NewVApp {
            networks: body.networks(&known)?,
            name: body.name,
            description: body.description.unwrap_or_default(),
            template: Some(template.id),
            vms: copies(&template.vms, &change, &body.parameters.unwrap_or_default())?,
            deploy,
            power_on: body.power_on.unwrap_or(deploy),
            ..NewVApp::default()
        };
        let (vapp, task) = ctx.cloud.create_vapp(&ctx.caller, vdc.id, new).await?;
        if let Some(failure) = task.failure.as_ref().filter(|_| task.status.is_final()) {
            return Err(VcdError::of_task(failure));
        }
        let task = ctx.links.task(task.id);
        Ok(Made::new(vapp::show(&ctx, vapp.id).await?).with("location", task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "00000000-0000-0000-0000-00000000000a";

    fn parse(id: &str, name: Option<&str>) -> Option<(String, Option<String>)> {
        ItemName::parse(id, name).ok().map(|item| (item.id.to_string(), item.name))
    }

    #[test]
    fn an_item_is_named_in_every_shape() {
        let four = format!("urn:vcloud:catalogitem:{UUID}");
        assert_eq!(parse(&four, None), Some((UUID.to_owned(), None)));
        assert_eq!(parse(UUID, Some("a")), Some((UUID.to_owned(), Some("a".to_owned()))));
        let five = format!("{four}:ubuntu%2024+x:1");
        assert_eq!(parse(&five, None), Some((UUID.to_owned(), Some("ubuntu 24 x:1".to_owned()))));
    }

    #[test]
    fn nothing_else_is_an_item() {
        for text in [
            "",
            "urn:vcloud:vm:1",
            "urn:vcloud:catalogitem:x",
            "a:b",
            &format!("urn:vcloud:vapp:{UUID}"),
        ] {
            assert_eq!(parse(text, None), None, "{text}");
        }
    }
}
