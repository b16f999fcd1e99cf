//! Hrefs. They follow the public URL, or the host that the client used, so that the client can reach them.

use poem::Request;
use ssvirt_core::{
    Id,
    id::{EntityKind, Urn},
    model::{
        Catalog, CatalogItem, ComputePolicy, Network, Org, Role, StorageProfile, Task, Template,
        TemplateVm, User, VApp, Vdc, Vm,
    },
};
use ssvirt_vcd::{
    link::rel,
    types::{Link, Reference},
};
use uuid::Uuid;

use crate::{context::authority, state::State};

/// Makes hrefs under one root.
#[derive(Clone, Debug)]
pub struct Links {
    root: String,
}

macro_rules! hrefs {
    ($($(#[$doc:meta])* $name:ident($kind:ty) $path:literal;)*) => {
        impl Links {
            $($(#[$doc])* pub fn $name(&self, id: Id<$kind>) -> String {
                format!(concat!("{}", $path, "{}"), self.root, id)
            })*
        }
    };
}

hrefs! {
    /// An organization.
    org(Org) "/api/org/";
    /// An organization, for administrators.
    admin_org(Org) "/api/admin/org/";
    /// A VDC.
    vdc(Vdc) "/api/vdc/";
    /// A VDC, for administrators.
    admin_vdc(Vdc) "/api/admin/vdc/";
    /// A storage profile.
    storage_profile(StorageProfile) "/api/vdcStorageProfile/";
    /// A catalog.
    catalog(Catalog) "/api/catalog/";
    /// A catalog, for administrators.
    admin_catalog(Catalog) "/api/admin/catalog/";
    /// A catalog item.
    catalog_item(CatalogItem) "/api/catalogItem/";
    /// A template.
    template(Template) "/api/vAppTemplate/vappTemplate-";
    /// A VM of a template.
    template_vm(TemplateVm) "/api/vAppTemplate/vm-";
    /// A vApp.
    vapp(VApp) "/api/vApp/vapp-";
    /// A VM.
    vm(Vm) "/api/vApp/vm-";
    /// A network.
    network(Network) "/api/network/";
    /// A network, for administrators.
    admin_network(Network) "/api/admin/network/";
    /// A task.
    task(Task) "/api/task/";
    /// The tasks of an organization.
    tasks_list(Org) "/api/tasksList/";
    /// A user.
    user(User) "/api/admin/user/";
    /// A role.
    role(Role) "/api/admin/role/";
}

impl Links {
    /// The hrefs for a request.
    pub fn of(request: &Request, state: &State) -> Self {
        if let Some(url) = &state.public_url {
            return Self::under(url);
        }
        let forwarded = request.header("x-forwarded-proto").filter(|_| state.plain_http);
        let scheme = match forwarded {
            Some("https") => "https",
            _ if state.plain_http => "http",
            _ => "https",
        };
        Self { root: format!("{scheme}://{}", authority(request).unwrap_or("localhost")) }
    }

    /// The hrefs under a root URL.
    pub fn under(root: &str) -> Self {
        Self { root: root.trim_end_matches('/').to_owned() }
    }

    /// An href of a path under the root, such as `/api/query`.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// A right.
    pub fn right(&self, id: Uuid) -> String {
        format!("{}/api/admin/right/{id}", self.root)
    }

    /// A compute policy.
    pub fn compute_policy(&self, id: Id<ComputePolicy>) -> String {
        format!("{}/cloudapi/2.0.0/vdcComputePolicies/{}", self.root, id.urn())
    }

    /// An object of any kind that has an href; in the administrator's form if asked for.
    pub fn entity(&self, urn: Urn, admin: bool) -> Option<String> {
        let id = urn.uuid;
        Some(match (urn.kind, admin) {
            (EntityKind::Org, false) => self.org(Id::new(id)),
            (EntityKind::Org, true) => self.admin_org(Id::new(id)),
            (EntityKind::Vdc, false) => self.vdc(Id::new(id)),
            (EntityKind::Vdc, true) => self.admin_vdc(Id::new(id)),
            (EntityKind::StorageProfile, _) => self.storage_profile(Id::new(id)),
            (EntityKind::Catalog, false) => self.catalog(Id::new(id)),
            (EntityKind::Catalog, true) => self.admin_catalog(Id::new(id)),
            (EntityKind::CatalogItem, _) => self.catalog_item(Id::new(id)),
            (EntityKind::Template, _) => self.template(Id::new(id)),
            (EntityKind::VApp, _) => self.vapp(Id::new(id)),
            (EntityKind::Vm, _) => self.vm(Id::new(id)),
            (EntityKind::Network, false) => self.network(Id::new(id)),
            (EntityKind::Network, true) => self.admin_network(Id::new(id)),
            (EntityKind::Task, _) => self.task(Id::new(id)),
            (EntityKind::User, _) => self.user(Id::new(id)),
            (EntityKind::Role, _) => self.role(Id::new(id)),
            (EntityKind::Right, _) => self.right(id),
            (EntityKind::ComputePolicy, _) => self.compute_policy(Id::new(id)),
            _ => return None,
        })
    }
}

/// The media type of an object's representation, for `type` attributes.
pub fn media_of(kind: EntityKind, admin: bool) -> Option<&'static str> {
    use ssvirt_vcd::mt;
    Some(match (kind, admin) {
        (EntityKind::Org, false) => mt::ORG,
        (EntityKind::Org, true) => mt::ADMIN_ORG,
        (EntityKind::Vdc, false) => mt::VDC,
        (EntityKind::Vdc, true) => mt::ADMIN_VDC,
        (EntityKind::Catalog, false) => mt::CATALOG,
        (EntityKind::Catalog, true) => mt::ADMIN_CATALOG,
        (EntityKind::CatalogItem, _) => mt::CATALOG_ITEM,
        (EntityKind::Template, _) => mt::VAPP_TEMPLATE,
        (EntityKind::VApp, _) => mt::VAPP,
        (EntityKind::Vm, _) => mt::VM,
        (EntityKind::Network, _) => mt::ORG_VDC_NETWORK,
        (EntityKind::Task, _) => mt::TASK,
        (EntityKind::User, _) => mt::ADMIN_USER,
        (EntityKind::Role, _) => mt::ADMIN_ROLE,
        (EntityKind::StorageProfile, _) => mt::VDC_STORAGE_PROFILE,
        _ => return None,
    })
}

/// A link with a type.
pub fn link(rel: &str, href: impl Into<String>, media: &str) -> Link {
    Link::new(rel, href).typed(media)
}

/// A link to something done without a body: it has no type.
pub fn action(rel: &str, href: impl Into<String>) -> Link {
    Link::new(rel, href)
}

/// The link by which what is enabled is disabled, and the other way round.
pub fn switch(enabled: bool, href: &str) -> Link {
    let (rel, verb) = if enabled { (rel::DISABLE, "disable") } else { (rel::ENABLE, "enable") };
    action(rel, format!("{href}/action/{verb}"))
}

/// A named reference with id and type.
pub fn reference(href: impl Into<String>, urn: String, name: &str, media: &str) -> Reference {
    Reference::new(href).with_id(urn).named(name).typed(media)
}
