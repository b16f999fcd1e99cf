//! A whole cloud inside a program of your own, without HTTP: `cargo run -p ssvirt-backends --example embed`.

use ssvirt_backends::memory;
use ssvirt_core::{Error, Result, backend::PowerAction, model::*, service::*};

/// Makes an organization with all it takes, and lets a vApp live and die in it.
#[tokio::main]
pub async fn main() -> Result<()> {
    let (cloud, me) = (memory::cloud().await?, Caller::system());

    let org = cloud.create_org(&me, NewOrg { name: "acme".into(), ..NewOrg::default() }).await?;
    let new = NewVdc {
        name: "acme-vdc".into(),
        cpu_limit_mhz: 8_000,
        memory_limit_mib: 16_384,
        storage_profiles: vec![NewStorageProfile { name: "standard".into(), limit_mib: 0 }],
        ..NewVdc::default()
    };
    let (vdc, _) = cloud.create_vdc(&me, org.id, new).await?;
    let scope = IpScope {
        inherited: false,
        gateway: [10, 0, 0, 1].into(),
        prefix: 24,
        dns1: None,
        dns2: None,
        dns_suffix: None,
        ranges: vec![IpRange { start: [10, 0, 0, 10].into(), end: [10, 0, 0, 99].into() }],
    };
    let new = NewNetwork { name: "acme-net".into(), description: String::new(), scope };
    let net = cloud.create_network(&me, vdc.id, new).await?;
    let (name, parent) = (net.name, Some(net.id));
    let networks = vec![VAppNetworkRequest { name, parent, ..VAppNetworkRequest::default() }];

    // Templates: what the catalog source offers. `create_template` makes others.
    let new = NewCatalog { name: "templates".into(), ..NewCatalog::default() };
    let catalog = cloud.create_catalog(&me, org.id, new).await?;
    cloud.sync_catalogs(&me, catalog.id).await?;
    let items = cloud.catalog(&me, catalog.id).await?.items;
    let two_tier = items.iter().find(|item| item.name == "two-tier").map(|item| item.template);

    let new = NewVApp { name: "shop".into(), template: two_tier, networks, ..NewVApp::default() };
    let (shop, task) = cloud.create_vapp(&me, vdc.id, new).await?;
    println!("{}: {}", task.operation, task.status.name());
    for action in [PowerAction::On, PowerAction::Off] {
        let task = cloud.power_vapp(&me, shop.id, action).await?;
        println!("{}: {}", task.operation, task.status.name());
        for VmDetails { vm, .. } in cloud.vapp(&me, shop.id).await?.vms {
            println!("  {} is {:?}", vm.name, vm.state.power);
        }
    }
    let task = cloud.delete_vapp(&me, shop.id, Deletion::Forced).await?;
    println!("{}: {}", task.operation, task.status.name());
    let gone = cloud.vapp(&me, shop.id).await.is_err();
    cloud.stop().await;
    if gone { Ok(()) } else { Err(Error::invalid_state("The vApp is still there.")) }
}
