//! A VM's plan as KubeVirt's hardware, and what KubeVirt says of a VM as its state.

pub mod change;
pub mod guest;
pub mod hardware;
pub mod image;
pub mod object;
pub mod seen;
pub mod state;
mod unattend;

/// The name of a NIC in KubeVirt, of its interface and of the network it is on.
#[must_use]
pub fn nic_name(index: i32) -> String {
    format!("nic-{index}")
}

/// The NIC of that name.
#[must_use]
pub fn nic_index(name: &str) -> Option<i32> {
    name.strip_prefix("nic-")?.parse().ok()
}

/// The id of the disk of that name.
#[must_use]
pub fn disk_id(name: &str) -> Option<&str> {
    name.strip_prefix("disk-")
}

/// The name of a disk in KubeVirt, and of the volume behind it.
#[must_use]
pub fn disk_name(id: &str) -> String {
    format!("disk-{id}")
}
