//! The other organization: everything in it is called `rival-...` and must stay unknown to the demo.

use std::net::Ipv4Addr;

use ssvirt_core::{
    Cloud, Id, Result,
    id::{EntityKind, Urn},
    model::{
        Catalog, CatalogItem, IpRange, IpScope, MetadataDomain, MetadataEntry, MetadataType,
        MetadataValue, Network, Org, Session, StorageProfile, Task, Template, TemplateVm, User,
        VApp, Vdc, Visibility, Vm,
    },
    rights::role,
    service::{
        Caller, NewCatalog, NewNetwork, NewOrg, NewStorageProfile, NewTemplate, NewUser, NewVApp,
        NewVdc, NewVm, VAppNetworkRequest, VmChange, VmSource,
    },
};
use ssvirt_fixtures::{finished, specs};
use uuid::Uuid;

/// The ids in it.
pub struct Rival {
    /// The organization.
    pub org: Id<Org>,
    /// Its administrator.
    pub admin: Id<User>,
    /// Another user.
    pub user: Id<User>,
    /// Its VDC.
    pub vdc: Id<Vdc>,
    /// The VDC's storage profile.
    pub profile: Id<StorageProfile>,
    /// The VDC's network.
    pub network: Id<Network>,
    /// Its catalog.
    pub catalog: Id<Catalog>,
    /// The catalog's item.
    pub item: Id<CatalogItem>,
    /// The item's template.
    pub template: Id<Template>,
    /// The template's VM.
    pub template_vm: Id<TemplateVm>,
    /// Its vApp.
    pub vapp: Id<VApp>,
    /// The vApp's network.
    pub vapp_network: Id<Network>,
    /// The vApp's VM.
    pub vm: Id<Vm>,
    /// A task.
    pub task: Id<Task>,
    /// A login.
    pub session: Id<Session>,
}

impl Rival {
    /// Every id with a word for it.
    pub fn all(&self) -> Vec<(&'static str, Urn)> {
        let vm = |id: Uuid| Urn { kind: EntityKind::Vm, uuid: id };
        vec![
            ("org", self.org.any()),
            ("user", self.user.any()),
            ("session", self.session.any()),
            ("vdc", self.vdc.any()),
            ("storage profile", self.profile.any()),
            ("network", self.network.any()),
            ("vApp network", self.vapp_network.any()),
            ("catalog", self.catalog.any()),
            ("catalog item", self.item.any()),
            ("template", self.template.any()),
            ("template VM", vm(self.template_vm.uuid())),
            ("vApp", self.vapp.any()),
            ("VM", self.vm.any()),
            ("task", self.task.any()),
        ]
    }
}

/// Makes it.
pub async fn seed(cloud: &Cloud) -> Result<Rival> {
    let system = Caller::system();
    let new = NewOrg {
        name: "rival".to_owned(),
        full_name: "rival-full-name".to_owned(),
        description: "rival-description".to_owned(),
        ..NewOrg::default()
    };
    let org = cloud.create_org(&system, new).await?;
    let user = |name: &str, role: &str| NewUser {
        name: name.to_owned(),
        full_name: format!("{name}-full-name"),
        role: role.into(),
        password: Some(super::PASSWORD.to_owned()),
        ..NewUser::default()
    };
    let administrator = user("rival-admin", role::ORGANIZATION_ADMINISTRATOR);
    let admin = cloud.create_user(&system, org.id, administrator).await?;
    let user = cloud.create_user(&system, org.id, user("rival-user", role::VAPP_USER)).await?;
    let login = cloud.login("rival", "rival-admin", super::PASSWORD).await?;
    let caller = login.caller;
    let new = NewVdc {
        name: "rival-vdc".to_owned(),
        description: "rival-vdc".to_owned(),
        storage_profiles: vec![NewStorageProfile {
            name: "rival-storage".to_owned(),
            limit_mib: 0,
        }],
        ..NewVdc::default()
    };
    let (vdc, task) = cloud.create_vdc(&system, org.id, new).await?;
    finished(cloud, &system, task).await?;
    let address = |last| Ipv4Addr::new(10, 66, 0, last);
    let scope = IpScope {
        inherited: false,
        gateway: address(1),
        prefix: 24,
        dns1: None,
        dns2: None,
        dns_suffix: None,
        ranges: vec![IpRange { start: address(10), end: address(20) }],
    };
    let new = NewNetwork { name: "rival-net".to_owned(), description: String::new(), scope };
    let network = cloud.create_network(&system, vdc.id, new).await?;
    let new = NewCatalog { name: "rival-catalog".to_owned(), ..NewCatalog::default() };
    let catalog = cloud.create_catalog(&caller, org.id, new).await?;
    let spec = specs::with_nic(specs::vm("ubuntu64Guest", 1, 512, 1024), "00:50:56:00:66:01");
    let new = NewTemplate {
        name: "rival-template".to_owned(),
        description: String::new(),
        vms: vec![("rival-template-vm".to_owned(), spec)],
    };
    let template = cloud.create_template(&caller, catalog.id, new).await?;
    let template_vm = template.vms[0].id;
    let new = NewVApp {
        name: "rival-vapp".to_owned(),
        networks: vec![VAppNetworkRequest {
            name: "rival-net".to_owned(),
            parent: Some(network.id),
            ..VAppNetworkRequest::default()
        }],
        vms: vec![NewVm {
            name: Some("rival-vm".to_owned()),
            description: None,
            source: VmSource::Template(template_vm),
            change: VmChange::default(),
        }],
        power_on: true,
        ..NewVApp::default()
    };
    let (vapp, task) = cloud.create_vapp(&caller, vdc.id, new).await?;
    let task = finished(cloud, &caller, task).await?;
    let vm = cloud.vapp(&caller, vapp.id).await?.vms[0].vm.id;
    let entry = MetadataEntry {
        domain: MetadataDomain::General,
        key: "rival-key".to_owned(),
        value: MetadataValue { kind: MetadataType::String, text: "rival-value".to_owned() },
        visibility: Visibility::ReadWrite,
    };
    for entity in [vapp.id.any(), vm.any(), catalog.id.any(), template.id.any()] {
        let task = cloud.put_metadata(&caller, entity, vec![entry.clone()]).await?;
        finished(cloud, &caller, task).await?;
    }
    Ok(Rival {
        org: org.id,
        admin: admin.id,
        user: user.id,
        vdc: vdc.id,
        profile: cloud.vdc_details(&caller, vdc.id).await?.profiles[0].id,
        network: network.id,
        catalog: catalog.id,
        item: template.item,
        template: template.id,
        template_vm,
        vapp: vapp.id,
        vapp_network: vapp.networks[0].id,
        vm,
        task: task.id,
        session: login.session.id,
    })
}
