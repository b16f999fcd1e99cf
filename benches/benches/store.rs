//! Reads of the store, with a small and a large inventory: what an answer costs must follow the page, not
//! the inventory. The baseline is a statement that reads nothing.

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ssvirt_backends::{memory::Simulator, sql::SqlStore};
use ssvirt_core::{
    Cloud,
    env::SystemClock,
    filter,
    model::ProviderVdc,
    query::{Query, RecordType},
    service::Caller,
};
use ssvirt_fixtures::{Inventory, Model};
use tokio::runtime::Runtime;

type Anything<T> = Result<T, Box<dyn std::error::Error>>;

async fn cloud(vapps: usize) -> Anything<(Cloud, Inventory)> {
    let store = SqlStore::memory().await?;
    let simulator = Simulator::builder(Arc::new(SystemClock)).build();
    let cloud =
        Cloud::builder(Arc::new(store)).backend(ProviderVdc::DEFAULT, Arc::new(simulator)).build();
    cloud.start().await?;
    let model =
        Model { orgs: 1, vdcs: 2, catalogs: 1, templates: 1, vapps, vms: 1, ..Model::default() };
    let inventory = model.build(&cloud).await?;
    Ok((cloud, inventory))
}

async fn query(cloud: &Cloud, caller: &Caller, text: &str) -> Anything<u64> {
    let record = RecordType::from_name("vm").ok_or("no such type")?;
    let query = Query {
        filter: filter::parse(text)?,
        sort: vec![("name".to_owned(), false)],
        ..Query::new(record)
    };
    let page = cloud.query(caller, query).await?;
    Ok(page.total)
}

fn measure(c: &mut Criterion) -> Anything<()> {
    let runtime = Runtime::new()?;
    let mut group = c.benchmark_group("store");
    group.sample_size(30);
    for (size, vapps) in [("20 VMs", 10), ("400 VMs", 200)] {
        let (cloud, inventory) = runtime.block_on(cloud(vapps))?;
        let org = inventory.orgs.first().ok_or("no organization")?;
        let vapp = org.vapps.first().ok_or("no vApp")?.id;
        let caller = &org.caller;
        group.bench_function(format!("baseline: a statement that reads nothing, {size}"), |b| {
            b.iter(|| runtime.block_on(cloud.store().health()));
        });
        group.bench_function(format!("vApp with its VM, {size}"), |b| {
            b.iter(|| runtime.block_on(cloud.vapp(caller, vapp)));
        });
        group.bench_function(format!("query for one VM by its vApp, {size}"), |b| {
            b.iter(|| runtime.block_on(query(&cloud, caller, "containerName==vapp-1-1")));
        });
        group.bench_function(format!("query for the first 25 VMs by name, {size}"), |b| {
            b.iter(|| runtime.block_on(query(&cloud, caller, "")));
        });
        runtime.block_on(cloud.stop());
    }
    group.finish();
    Ok(())
}

fn store(c: &mut Criterion) {
    if let Err(error) = measure(c) {
        eprintln!("the store could not be measured: {error}");
        std::process::exit(1);
    }
}

criterion_group!(benches, store);
criterion_main!(benches);
