//! Writing and reading VCD's types, beside serde_json on a value of the same content.

use criterion::{Criterion, criterion_group, criterion_main};
use ssvirt_vcd::{
    ApiVersion, from_xml, to_json, to_xml,
    types::{Link, QueryResultRecords, Record, Task},
};

fn page() -> QueryResultRecords {
    let record = |number: i64| Record {
        element: "VMRecord",
        json_type: "QueryResultVMRecordType",
        attrs: vec![
            ("href".into(), format!("https://vcd.example/api/vApp/vm-{number}").into()),
            ("name".into(), format!("web-{number}").into()),
            ("status".into(), "POWERED_ON".into()),
            ("numberOfCpus".into(), 2.into()),
            ("memoryMB".into(), 2048.into()),
            ("isDeployed".into(), true.into()),
            ("guestOs".into(), "Ubuntu Linux (64-bit)".into()),
        ],
        ..Record::default()
    };
    QueryResultRecords { record: (0..128).map(record).collect(), ..QueryResultRecords::default() }
}

fn task() -> Task {
    let mut task = Task {
        status: "running".to_owned(),
        operation: Some("Starting".to_owned()),
        ..Task::default()
    };
    task.entity.name = "task".to_owned();
    task.entity.link =
        vec![Link::new("task:cancel", "https://vcd.example/api/task/1/action/cancel")];
    task
}

fn wire(c: &mut Criterion) {
    let page = page();
    let json = to_json(&page, ApiVersion::NEWEST);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
    let mut group = c.benchmark_group("query page of 128");
    group.bench_function("baseline: serde_json", |b| b.iter(|| serde_json::to_string(&value)));
    group.bench_function("xml", |b| b.iter(|| to_xml(&page, ApiVersion::NEWEST)));
    group.bench_function("json", |b| b.iter(|| to_json(&page, ApiVersion::NEWEST)));
    group.finish();

    let task = task();
    let xml = to_xml(&task, ApiVersion::NEWEST);
    let json = to_json(&task, ApiVersion::NEWEST);
    let mut group = c.benchmark_group("read a task");
    group.bench_function("baseline: serde_json", |b| {
        b.iter(|| serde_json::from_str::<serde_json::Value>(&json))
    });
    group.bench_function("xml", |b| b.iter(|| from_xml::<Task>(&xml)));
    group.finish();
}

criterion_group!(benches, wire);
criterion_main!(benches);
