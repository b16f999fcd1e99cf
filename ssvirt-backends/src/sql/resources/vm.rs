use jiff::Timestamp;
use ssvirt_core::model::{ComputePolicy, NicSpec, Vm};

use super::{hardware_number, identity};
use crate::sql::{
    driver::Val,
    record::{Children, Record},
};

impl Record for Vm {
    const TABLE: &'static str = "vms";
    const COLUMNS: &'static [&'static str] = &[
        "org_id",
        "vdc_id",
        "vapp_id",
        "name",
        "description",
        "status",
        "deployed",
        "os",
        "cpus",
        "memory_mib",
        "storage_mib",
        "nics",
        "hardware_version",
        "firmware",
        "network_name",
        "ip_address",
        "profile_id",
        "policy_id",
        "tools_status",
        "created",
        "modified",
    ];
    const CHILDREN: &'static [Children] = &[
        Children {
            table: "vm_nics",
            parent: "vm_id",
            columns: &["network_id", "network_name", "ip", "is_primary"],
        },
        Children { table: "vm_disks", parent: "vm_id", columns: &["profile_id", "size_mib"] },
    ];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        let spec = &self.spec;
        let primary = primary_nic(self);
        vec![
            Val::text(self.org),
            Val::text(self.vdc),
            Val::text(self.vapp),
            Val::text(&self.name),
            Val::text(&self.description),
            Val::Int(self.status().code().into()),
            Val::Bool(self.deployed),
            Val::text(self.state.guest_os.as_ref().unwrap_or(&spec.os_type)),
            Val::Int(spec.cpus.into()),
            Val::Int(spec.memory_mib),
            Val::Int(spec.storage_mib()),
            Val::Int(spec.nics.len() as i64),
            Val::OptInt(hardware_number(&spec.hardware_version)),
            Val::text(spec.firmware.name()),
            Val::opt(primary.and_then(|nic| nic.network.as_ref())),
            Val::opt(primary.and_then(|nic| self.state.address_of(nic))),
            Val::opt(spec.storage_profile),
            Val::text(spec.sizing_policy.unwrap_or(ComputePolicy::SYSTEM_DEFAULT)),
            // Of a guest whose agent does not answer nothing is known.
            Val::opt(self.state.tools_version.as_ref().map(|_| "CURRENT")),
            Val::Int(self.created.as_millisecond()),
            Val::Int(self.modified.unwrap_or(self.created).as_millisecond()),
        ]
    }

    fn touch(&mut self, now: Timestamp) {
        self.modified = Some(now);
    }

    fn children(&self) -> Vec<Vec<Vec<Val>>> {
        let spec = &self.spec;
        let nics = spec.nics.iter().map(|nic| {
            vec![
                Val::opt(nic.parent),
                Val::opt(nic.network.as_ref()),
                Val::opt(nic.ip),
                Val::Bool(nic.index == spec.primary_nic),
            ]
        });
        let disks = spec.disks.iter().map(|disk| {
            vec![Val::opt(disk.storage_profile.or(spec.storage_profile)), Val::Int(disk.size_mib)]
        });
        vec![nics.collect(), disks.collect()]
    }
}

/// The primary NIC, or else the first.
fn primary_nic(vm: &Vm) -> Option<&NicSpec> {
    vm.spec.nics.iter().find(|nic| nic.index == vm.spec.primary_nic).or(vm.spec.nics.first())
}
