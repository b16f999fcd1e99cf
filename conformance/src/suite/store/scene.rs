//! Rows to test with.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use ssvirt_core::{
    Id, Result, TenancyStore,
    env::{IdSource as _, RandomIds},
    id::{Entity, Urn},
    model::{
        AllocationModel, Catalog, CatalogItem, ComputePolicy, DiskAdapter, DiskSpec, Event,
        FenceMode, IpMode, IpRange, IpScope, Lease, LeaseDefaults, Network, NicSpec, Org, Outcome,
        Phase, ProviderVdc, Role, Session, StorageProfile, Task, TaskStatus, Template,
        TemplateStatus, TemplateVm, User, VApp, VAppNetwork, Vdc, Vm, VmSpec, VmState,
    },
    store::{Table, Tx, UnitOfWork},
};

/// A new id.
pub(super) fn id<K>() -> Id<K> {
    Id::new(RandomIds.uuid())
}

/// A point in time, `seconds` after the first.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + seconds).unwrap()
}

pub(super) fn org(name: &str) -> Org {
    Org {
        id: id(),
        name: name.to_owned(),
        full_name: format!("{name} in full"),
        description: String::new(),
        enabled: true,
        can_publish: true,
        leases: LeaseDefaults::default(),
        created: at(0),
        version: 0,
    }
}

pub(super) fn user(org: Id<Org>, name: &str) -> User {
    User {
        id: id(),
        org,
        name: name.to_owned(),
        full_name: name.to_uppercase(),
        email: String::new(),
        telephone: String::new(),
        description: String::new(),
        enabled: true,
        role: id(),
        deployed_vm_quota: 3,
        stored_vm_quota: 0,
        password_hash: None,
        preferences: None,
        created: at(0),
        version: 0,
    }
}

pub(super) fn role(org: Option<Id<Org>>, name: &str) -> Role {
    Role {
        id: id(),
        org,
        name: name.to_owned(),
        description: String::new(),
        bundle_key: String::new(),
        read_only: org.is_none(),
        rights: vec!["vApp: Copy".to_owned()],
        version: 0,
    }
}

pub(super) fn session(user: &User, expires: Timestamp) -> Session {
    Session { id: id(), user: user.id, org: user.org, created: at(0), expires, version: 0 }
}

pub(super) fn provider(name: &str) -> ProviderVdc {
    ProviderVdc {
        id: id(),
        name: name.to_owned(),
        description: String::new(),
        enabled: true,
        version: 0,
    }
}

pub(super) fn vdc(org: Id<Org>, provider: Id<ProviderVdc>, name: &str) -> Vdc {
    Vdc {
        id: id(),
        org,
        provider,
        name: name.to_owned(),
        description: "a VDC".to_owned(),
        enabled: true,
        allocation_model: AllocationModel::Flex,
        cpu_limit_mhz: 20_000,
        memory_limit_mib: 65_536,
        vcpu_mhz: 1000,
        nic_quota: 0,
        network_quota: 0,
        vm_quota: 0,
        cpu_allocated_mhz: None,
        memory_allocated_mib: None,
        thin_provision: true,
        created: at(0),
        version: 0,
    }
}

pub(super) fn profile(vdc: &Vdc, name: &str) -> StorageProfile {
    StorageProfile {
        id: id(),
        vdc: vdc.id,
        org: vdc.org,
        name: name.to_owned(),
        default: name == "standard",
        enabled: true,
        limit_mib: 1_000_000,
        version: 0,
    }
}

pub(super) fn policy(name: &str) -> ComputePolicy {
    ComputePolicy {
        id: id(),
        name: name.to_owned(),
        description: String::new(),
        cpus: Some(2),
        memory_mib: None,
        provider: None,
        source: None,
        retired: false,
        version: 0,
    }
}

pub(super) fn scope() -> IpScope {
    IpScope {
        inherited: false,
        gateway: Ipv4Addr::new(192, 168, 100, 1),
        prefix: 24,
        dns1: Some("9.9.9.9".to_owned()),
        dns2: None,
        dns_suffix: None,
        ranges: vec![IpRange {
            start: Ipv4Addr::new(192, 168, 100, 10),
            end: Ipv4Addr::new(192, 168, 100, 19),
        }],
    }
}

pub(super) fn network(vdc: &Vdc, name: &str) -> Network {
    Network {
        id: id(),
        org: vdc.org,
        vdc: vdc.id,
        name: name.to_owned(),
        description: String::new(),
        fence_mode: FenceMode::Isolated,
        scope: scope(),
        shared: false,
        version: 0,
    }
}

pub(super) fn catalog(org: Id<Org>, owner: Id<User>, name: &str) -> Catalog {
    Catalog {
        id: id(),
        org,
        owner,
        name: name.to_owned(),
        description: String::new(),
        published: false,
        readers: None,
        revision: 7,
        created: at(10),
        version: 0,
    }
}

pub(super) fn item(catalog: &Catalog, template: &Template) -> CatalogItem {
    CatalogItem {
        id: template.item,
        catalog: catalog.id,
        org: catalog.org,
        name: template.name.clone(),
        description: String::new(),
        template: template.id,
        source: None,
        created: at(11),
        modified: None,
        version: 0,
    }
}

pub(super) fn template(catalog: &Catalog, name: &str) -> Template {
    let vm = TemplateVm {
        id: id(),
        name: format!("{name}-vm"),
        description: String::new(),
        spec: VmSpec { cpus: 2, memory_mib: 2048, disks: vec![disk(20_480)], ..VmSpec::default() },
        products: Vec::new(),
    };
    Template {
        id: id(),
        org: catalog.org,
        catalog: catalog.id,
        item: id(),
        owner: catalog.owner,
        name: name.to_owned(),
        description: String::new(),
        status: TemplateStatus::Ready,
        not_ready: None,
        vms: vec![vm],
        storage_lease_seconds: 0,
        created: at(12),
        version: 0,
    }
}

pub(super) fn vapp(vdc: &Vdc, owner: Id<User>, name: &str) -> VApp {
    VApp {
        id: id(),
        org: vdc.org,
        vdc: vdc.id,
        owner,
        name: name.to_owned(),
        description: "a vApp".to_owned(),
        phase: Phase::Ready,
        networks: Vec::new(),
        lease: Lease::default(),
        products: Vec::new(),
        created: at(20),
        modified: None,
        version: 0,
    }
}

pub(super) fn vapp_network(name: &str, parent: Option<Id<Network>>) -> VAppNetwork {
    VAppNetwork {
        id: id(),
        name: name.to_owned(),
        description: String::new(),
        fence_mode: if parent.is_some() { FenceMode::Bridged } else { FenceMode::Isolated },
        parent,
        scopes: vec![scope()],
        retain_net_info: false,
    }
}

pub(super) fn vm(vapp: &VApp, name: &str) -> Vm {
    Vm {
        id: id(),
        org: vapp.org,
        vdc: vapp.vdc,
        vapp: vapp.id,
        name: name.to_owned(),
        description: String::new(),
        phase: Phase::Ready,
        spec: VmSpec::default(),
        deployed: false,
        state: VmState::default(),
        template: None,
        products: Vec::new(),
        security_tags: vec!["blue".to_owned()],
        created: at(30),
        modified: None,
        version: 0,
    }
}

pub(super) fn disk(size_mib: i64) -> DiskSpec {
    DiskSpec {
        id: "2000".to_owned(),
        size_mib,
        adapter: DiskAdapter::Paravirtual,
        bus: 0,
        unit: 0,
        storage_profile: None,
    }
}

pub(super) fn nic(
    index: i32,
    network: &str,
    parent: Option<Id<Network>>,
    ip: Option<Ipv4Addr>,
) -> NicSpec {
    NicSpec {
        index,
        network: Some(network.to_owned()),
        parent,
        connected: true,
        mode: IpMode::Pool,
        ip,
        mac: "00:50:56:01:02:03".to_owned(),
        adapter: "VMXNET3".to_owned(),
    }
}

pub(super) fn task(org: Id<Org>, user: &User, owner: Urn, started: Timestamp) -> Task {
    Task {
        id: id(),
        org,
        user: user.id,
        user_name: user.name.clone(),
        owner,
        owner_name: "thing".to_owned(),
        operation_name: "vdcInstantiateVapp".to_owned(),
        operation: "Creating vApp thing".to_owned(),
        status: TaskStatus::Queued,
        progress: 0,
        failure: None,
        cancel_requested: false,
        undoing: false,
        started,
        ended: None,
        request_id: "r".to_owned(),
        version: 0,
    }
}

pub(super) fn event(org: Id<Org>, entity: Urn) -> Event {
    Event {
        id: id(),
        at: at(40),
        org,
        user: None,
        operation: "vappDeploy".to_owned(),
        entity,
        entity_name: "thing".to_owned(),
        outcome: Outcome::Success,
        request_id: "r".to_owned(),
        version: 0,
    }
}

/// Stores a row in a unit of work of its own.
pub(super) async fn put<T>(store: &dyn TenancyStore, row: &T) -> Result<()>
where
    T: Entity + Send + Sync + std::fmt::Debug + 'static,
    dyn UnitOfWork: Table<T>,
{
    let mut tx = store.begin().await?;
    tx.insert(row).await?;
    tx.commit().await
}

/// A unit of work that writes.
pub(super) async fn begin(store: &dyn TenancyStore) -> Tx {
    store.begin().await.unwrap()
}

/// One that reads.
pub(super) async fn read(store: &dyn TenancyStore) -> Tx {
    store.read().await.unwrap()
}

/// Two tenants, `a` with everything, `b` with a catalog that is published and one that is not.
pub(super) struct World {
    pub(super) a: Org,
    pub(super) b: Org,
    pub(super) ann: User,
    pub(super) alf: User,
    pub(super) bob: User,
    pub(super) provider: ProviderVdc,
    pub(super) vdc: Vdc,
    pub(super) other_vdc: Vdc,
    pub(super) standard: StorageProfile,
    pub(super) network: Network,
    pub(super) catalog: Catalog,
    pub(super) template: Template,
    pub(super) published: Catalog,
    pub(super) published_template: Template,
    pub(super) secret: Catalog,
    pub(super) secret_template: Template,
    /// Of ann: one VM that runs, one that is off.
    pub(super) web: VApp,
    pub(super) web1: Vm,
    pub(super) web2: Vm,
    /// Of alf, without VMs.
    pub(super) empty: VApp,
    /// Of b.
    pub(super) foreign: VApp,
    pub(super) foreign_vm: Vm,
}

impl World {
    pub(super) async fn new(store: &dyn TenancyStore) -> Self {
        use ssvirt_core::model::PowerState;

        let (a, b) = (org("a"), org("b"));
        let (ann, alf, bob) = (user(a.id, "ann"), user(a.id, "alf"), user(b.id, "bob"));
        let provider = provider("default");
        let (vdc_a, vdc_b) = (vdc(a.id, provider.id, "vdc"), vdc(b.id, provider.id, "vdc"));
        let standard = profile(&vdc_a, "standard");
        let network = network(&vdc_a, "net");
        let mine = catalog(a.id, ann.id, "mine");
        let published = Catalog { published: true, ..catalog(b.id, bob.id, "published") };
        let secret = catalog(b.id, bob.id, "secret");
        let (t1, t2, t3) =
            (template(&mine, "t1"), template(&published, "t2"), template(&secret, "t3"));
        let web = VApp {
            networks: vec![vapp_network("net", Some(network.id)), vapp_network("inside", None)],
            ..vapp(&vdc_a, ann.id, "web")
        };
        let mut web1 = vm(&web, "web1");
        web1.deployed = true;
        web1.state.power = PowerState::On;
        web1.spec.cpus = 4;
        web1.spec.memory_mib = 4096;
        web1.spec.storage_profile = Some(standard.id);
        web1.spec.disks = vec![disk(10_240), disk(1024)];
        web1.spec.nics = vec![
            nic(0, "inside", None, Some(Ipv4Addr::new(10, 0, 0, 2))),
            nic(1, "net", Some(network.id), Some(Ipv4Addr::new(192, 168, 100, 10))),
        ];
        web1.spec.primary_nic = 1;
        let mut web2 = vm(&web, "web2");
        web2.spec.disks = vec![disk(2048)];
        let empty = vapp(&vdc_a, alf.id, "empty");
        let foreign = vapp(&vdc_b, bob.id, "foreign");
        let foreign_vm = vm(&foreign, "foreign-vm");

        let mut tx = begin(store).await;
        for org in [&a, &b] {
            tx.insert(org).await.unwrap();
        }
        for user in [&ann, &alf, &bob] {
            tx.insert(user).await.unwrap();
        }
        tx.insert(&provider).await.unwrap();
        for vdc in [&vdc_a, &vdc_b] {
            tx.insert(vdc).await.unwrap();
        }
        tx.insert(&standard).await.unwrap();
        tx.insert(&network).await.unwrap();
        for (catalog, template) in [(&mine, &t1), (&published, &t2), (&secret, &t3)] {
            tx.insert(catalog).await.unwrap();
            tx.insert(template).await.unwrap();
            tx.insert(&item(catalog, template)).await.unwrap();
        }
        for vapp in [&web, &empty, &foreign] {
            tx.insert(vapp).await.unwrap();
        }
        for vm in [&web1, &web2, &foreign_vm] {
            tx.insert(vm).await.unwrap();
        }
        tx.commit().await.unwrap();
        Self {
            a,
            b,
            ann,
            alf,
            bob,
            provider,
            vdc: vdc_a,
            other_vdc: vdc_b,
            standard,
            network,
            catalog: mine,
            template: t1,
            published,
            published_template: t2,
            secret,
            secret_template: t3,
            web,
            web1,
            web2,
            empty,
            foreign,
            foreign_vm,
        }
    }
}
