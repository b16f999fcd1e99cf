//! Catalogues.

use super::{Entity, Owner, Reference};
use crate::VcdType;

/// A catalogue, the tenant's view.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.vcloud.catalog",
    ignored(
        "IsSharedWithManagedOrgs",
        "IsSharedWithPeersParentManagedOrgs",
        "DistributedCatalogParams",
        "Healthy"
    )
)]
pub struct Catalog {
    #[vcd(base)]
    pub entity: Entity,
    pub owner: Option<Owner>,
    pub catalog_items: Option<CatalogItems>,
    pub is_published: Option<bool>,
    pub date_created: Option<String>,
    pub version_number: Option<i64>,
}

/// A catalogue, the administrator's view.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.admin.catalog",
    ignored(
        "ExternalCatalogSubscriptionParams",
        "RemoteUriProbeResult",
        "PublishExternalCatalogParams"
    )
)]
pub struct AdminCatalog {
    #[vcd(base)]
    pub catalog: Catalog,
    pub catalog_storage_profiles: Option<CatalogStorageProfiles>,
}

/// The storage profiles a catalogue uses.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct CatalogStorageProfiles {
    pub vdc_storage_profile: Vec<Reference>,
}

/// The items of a catalogue.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct CatalogItems {
    pub catalog_item: Vec<Reference>,
}

/// An item of a catalogue: a name for a template or a medium.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.catalogItem", ignored("AppVersion"))]
pub struct CatalogItem {
    #[vcd(base)]
    pub base: Entity,
    #[vcd(attr)]
    pub size: Option<i64>,
    pub entity: Reference,
    pub property: Vec<Property>,
    pub date_created: Option<String>,
    pub version_number: Option<i64>,
}

/// A property of a catalogue item.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(plain)]
pub struct Property {
    #[vcd(attr)]
    pub key: String,
    #[vcd(text)]
    pub value: String,
}

/// Whether a catalogue is published to all organisations.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.admin.publishCatalogParams",
    ignored("IsSharedWithManagedOrgs", "IsSharedWithPeersParentManagedOrgs")
)]
pub struct PublishCatalogParams {
    pub is_published: bool,
}
