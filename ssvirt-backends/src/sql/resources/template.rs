use ssvirt_core::model::{ComputePolicy, Template, TemplateVm, VmSpec};

use super::{hardware_number, identity};
use crate::sql::{
    driver::Val,
    record::{Children, Record},
};

impl Record for Template {
    const TABLE: &'static str = "templates";
    const COLUMNS: &'static [&'static str] = &[
        "org_id",
        "catalog_id",
        "item_id",
        "owner_id",
        "name",
        "description",
        "status",
        "created",
    ];
    const CHILDREN: &'static [Children] = &[Children {
        table: "template_vms",
        parent: "template_id",
        columns: &[
            "id",
            "name",
            "description",
            "os",
            "cpus",
            "memory_mib",
            "storage_mib",
            "hardware_version",
            "firmware",
            "network_name",
            "policy_id",
        ],
    }];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![
            Val::text(self.org),
            Val::text(self.catalog),
            Val::text(self.item),
            Val::text(self.owner),
            Val::text(&self.name),
            Val::text(&self.description),
            Val::text(self.status.name()),
            Val::Int(self.created.as_millisecond()),
        ]
    }

    fn children(&self) -> Vec<Vec<Vec<Val>>> {
        vec![self.vms.iter().map(vm).collect()]
    }
}

fn vm(vm: &TemplateVm) -> Vec<Val> {
    let spec = &vm.spec;
    vec![
        Val::text(vm.id),
        Val::text(&vm.name),
        Val::text(&vm.description),
        Val::text(&spec.os_type),
        Val::Int(spec.cpus.into()),
        Val::Int(spec.memory_mib),
        Val::Int(spec.storage_mib()),
        Val::OptInt(hardware_number(&spec.hardware_version)),
        Val::text(spec.firmware.name()),
        Val::opt(primary_network(spec)),
        Val::text(spec.sizing_policy.unwrap_or(ComputePolicy::SYSTEM_DEFAULT)),
    ]
}

/// The network of the primary NIC, or else of the first.
fn primary_network(spec: &VmSpec) -> Option<&String> {
    let primary = spec.nics.iter().find(|nic| nic.index == spec.primary_nic);
    primary.or(spec.nics.first()).and_then(|nic| nic.network.as_ref())
}
