//! The query service's filter: parsing it, holding a row against it, and SQL made of it. Baselines are a copy
//! of the text, the same comparison written by hand, and the query without a filter.

use std::{hint::black_box, sync::Arc};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ssvirt_backends::{memory::Simulator, sql::SqlStore};
use ssvirt_core::{
    Cloud,
    env::SystemClock,
    filter::{self, Filter, eval},
    model::ProviderVdc,
    query::{Query, RecordType, Value},
    service::Caller,
};
use ssvirt_fixtures::Model;
use tokio::runtime::Runtime;

type Anything<T> = Result<T, Box<dyn std::error::Error>>;

/// Filters as clients send them: for an object by its name, for what a page shows, for a handful of objects.
fn texts() -> [(&'static str, String); 3] {
    let names: Vec<String> = (1..=20).map(|n| format!("name==vm-{n}")).collect();
    let conjunction = "isVAppTemplate==false;(status==POWERED_ON,status==POWERED_OFF);name==vm-*;numberOfCpus=ge=1";
    [
        ("one name", "name==vm-1".to_owned()),
        ("a conjunction", conjunction.to_owned()),
        ("any of twenty", names.join(",")),
    ]
}

fn parsed(text: &str) -> Anything<Filter> {
    Ok(filter::parse(text)?.ok_or("a filter that filters nothing")?)
}

fn field(name: &str) -> Value {
    match name {
        "name" => Value::Text("vm-1".to_owned()),
        "status" => Value::Text("POWERED_OFF".to_owned()),
        "isVAppTemplate" => Value::Bool(false),
        "numberOfCpus" => Value::Int(2),
        _ => Value::Null,
    }
}

fn in_memory(c: &mut Criterion) -> Anything<()> {
    let texts = texts();
    for (name, text) in &texts {
        let mut group = c.benchmark_group(format!("parse {name}"));
        group.bench_function("baseline: copy", |b| b.iter(|| black_box(text).clone()));
        group.bench_function("parse", |b| b.iter(|| filter::parse(black_box(text))));
        group.finish();
    }
    let filter = parsed(&texts[1].1)?;
    let mut group = c.benchmark_group("hold a row against a conjunction");
    group.bench_function("baseline: by hand", |b| {
        b.iter(|| {
            let is = |name: &str, value: &Value| field(black_box(name)) == *value;
            let text = |value: &str| Value::Text(value.to_owned());
            is("isVAppTemplate", &Value::Bool(false))
                && (is("status", &text("POWERED_ON")) || is("status", &text("POWERED_OFF")))
                && matches!(field(black_box("name")), Value::Text(name) if name.starts_with("vm-"))
                && matches!(field(black_box("numberOfCpus")), Value::Int(1..))
        });
    });
    group.bench_function("matches", |b| b.iter(|| eval::matches(black_box(&filter), &field)));
    group.finish();
    Ok(())
}

/// A hundred vApps with four VMs each.
async fn cloud() -> Anything<Cloud> {
    let store = SqlStore::memory().await?;
    let simulator = Simulator::builder(Arc::new(SystemClock)).build();
    let cloud =
        Cloud::builder(Arc::new(store)).backend(ProviderVdc::DEFAULT, Arc::new(simulator)).build();
    cloud.start().await?;
    Model { orgs: 1, vdcs: 1, vapps: 100, vms: 4, ..Model::default() }.build(&cloud).await?;
    Ok(cloud)
}

/// The first 25 VMs that a filter lets through.
async fn query(cloud: &Cloud, record: RecordType, filter: Option<Filter>) -> Option<u64> {
    let caller = Caller::system();
    let found = cloud.query(&caller, Query { filter, ..Query::new(record) }).await;
    found.ok().map(|found| found.total)
}

fn in_the_store(c: &mut Criterion) -> Anything<()> {
    let runtime = Runtime::new()?;
    let cloud = runtime.block_on(cloud())?;
    let record = RecordType::from_name("vm").ok_or("no such type")?;
    let mut group = c.benchmark_group("a page of 25 of 400 VMs");
    group.sample_size(30);
    let mut bench = |name: &str, filter: Option<Filter>| -> Anything<()> {
        // A query that fails would be the fastest of all.
        runtime.block_on(query(&cloud, record, filter.clone())).ok_or("the query fails")?;
        group.bench_function(name, |b| {
            b.iter_batched(
                || filter.clone(),
                |filter| runtime.block_on(query(&cloud, record, filter)),
                BatchSize::SmallInput,
            );
        });
        Ok(())
    };
    bench("baseline: without a filter", None)?;
    for (name, text) in texts() {
        bench(name, Some(parsed(&text)?))?;
    }
    group.finish();
    runtime.block_on(cloud.stop());
    Ok(())
}

fn filters(c: &mut Criterion) {
    if let Err(error) = in_memory(c).and_then(|()| in_the_store(c)) {
        eprintln!("the filter could not be measured: {error}");
        std::process::exit(1);
    }
}

criterion_group!(benches, filters);
criterion_main!(benches);
