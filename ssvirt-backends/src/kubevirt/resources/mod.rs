//! The custom resources that VMs consist of, as far as they are written or read here.
//!
//! | module | kind | whose |
//! |---|---|---|
//! | [`vm`], [`domain`], [`volume`] | [`VirtualMachine`] | KubeVirt |
//! | [`instance`] | [`VirtualMachineInstance`] | KubeVirt |
//! | [`instancetype`] | [`VirtualMachineClusterInstancetype`] | KubeVirt |
//! | [`preference`] | [`VirtualMachineClusterPreference`] | KubeVirt |
//! | [`snapshot`] | [`VirtualMachineSnapshot`] | KubeVirt |
//! | [`restore`] | [`VirtualMachineRestore`] | KubeVirt |
//! | [`data_volume`] | [`DataVolume`] | CDI |
//! | [`data_source`] | [`DataSource`] | CDI |
//! | [`template`] | [`Template`] | OpenShift |
//! | [`template_instance`] | [`TemplateInstance`] | OpenShift |
//! | [`user_defined_network`] | [`UserDefinedNetwork`] | OVN-Kubernetes |
//! | [`network_attachment`] | [`NetworkAttachmentDefinition`] | Multus |
//!
//! The types are made for server-side apply: what is none or empty is not sent, so that an applied
//! object says exactly what SSVirt wants to own. A field that is not typed here is lost in reading;
//! an object that was read must therefore not be sent back as a replacement. Words that later
//! versions of an API may add to are enums with `Other`.

pub mod data_source;
pub mod data_volume;
pub mod domain;
pub mod instance;
pub mod instancetype;
pub mod network_attachment;
pub mod preference;
pub mod quantity;
pub mod restore;
pub mod shared;
pub mod snapshot;
pub mod template;
pub mod template_instance;
pub mod user_defined_network;
pub mod vm;
pub mod volume;

mod crds;
mod open;
#[cfg(test)]
mod tests;

pub use crds::crds;
pub use data_source::DataSource;
pub use data_volume::DataVolume;
pub use instance::VirtualMachineInstance;
pub use instancetype::VirtualMachineClusterInstancetype;
pub use network_attachment::NetworkAttachmentDefinition;
pub use preference::VirtualMachineClusterPreference;
pub use restore::VirtualMachineRestore;
pub use snapshot::VirtualMachineSnapshot;
pub use template::Template;
pub use template_instance::TemplateInstance;
pub use user_defined_network::UserDefinedNetwork;
pub use vm::VirtualMachine;
