//! The headings under which the documents list the operations.

use poem_openapi::Tags;

/// A heading. One of them stands at every block of routes.
#[derive(Tags)]
pub enum Tag {
    /// The served versions; logging in and out.
    Sessions,
    /// Organizations, as their members see them.
    Organizations,
    /// What administrators see of organizations and of what is in them.
    Administration,
    /// Virtual data centers and their storage.
    #[oai(rename = "VDCs")]
    Vdcs,
    /// Catalogs and their items.
    Catalogs,
    /// What vApps are made from.
    Templates,
    /// vApps, their VMs, and all that can be done with them.
    #[oai(rename = "vApps and VMs")]
    VApps,
    /// Networks of VDCs and vApps.
    Networks,
    /// Users, their roles and rights.
    Users,
    /// Work that takes its time.
    Tasks,
    /// What clients note on objects.
    Metadata,
    /// The query service.
    Queries,
    /// From an id to what it names.
    Entities,
    /// Who an object is shared with.
    #[oai(rename = "Access control")]
    Access,
    /// Sizing policies, capabilities and tags.
    Policies,
}
