//! The record types and their fields.

use crate::id::EntityKind;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Organizations.
    Organization,
    /// Organization VDCs.
    OrgVdc,
    /// Catalogs.
    Catalog,
    /// Catalog items.
    CatalogItem,
    /// vApp templates.
    VAppTemplate,
    /// vApps.
    VApp,
    /// Virtual machines, those in templates included.
    Vm,
    /// Tasks.
    Task,
    /// Users.
    User,
    /// Roles.
    Role,
    /// Rights.
    Right,
    /// Storage profiles of VDCs.
    OrgVdcStorageProfile,
    /// Networks of VDCs.
    OrgVdcNetwork,
    /// Networks of vApps.
    VAppNetwork,
    /// Media.
    Media,
    /// Independent disks.
    Disk,
}

/// How a field is written and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// A point in time.
    Time,
    /// A reference, written as an href; compared by UUID, however the client writes it.
    Ref(EntityKind),
    /// As [`FieldKind::Ref`], but written as a URN.
    Urn(EntityKind),
    /// A status code, written and compared by its name.
    Status,
}

/// Where a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// In both forms of the record.
    Both,
    /// Only in the tenant's form.
    Tenant,
    /// Only in the provider's (`admin...`) form.
    Admin,
    /// Nowhere: it can only be filtered by.
    Never,
}

impl Shown {
    /// Whether it is written in the provider's (`admin`) or the tenant's form.
    pub const fn is_in(self, admin: bool) -> bool {
        match self {
            Self::Both => true,
            Self::Tenant => !admin,
            Self::Admin => admin,
            Self::Never => false,
        }
    }
}

/// A field of a record type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// VCD's name.
    pub name: &'static str,
    /// Its kind.
    pub kind: FieldKind,
    /// Where it is written.
    pub shown: Shown,
}

/// A type of the query service: a subject, as tenants or as the provider see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordType {
    /// What it is about.
    pub subject: Subject,
    /// Whether it is the provider's form.
    pub admin: bool,
}

macro_rules! types {
    ($($subject:ident $admin:literal $name:literal $element:literal $json:literal,)*) => {
        impl RecordType {
            /// Every type, in the order of VCD's own list.
            pub const ALL: &'static [Self] = &[$(Self { subject: Subject::$subject, admin: $admin }),*];

            /// The `type` parameter.
            pub fn name(self) -> &'static str {
                match (self.subject, self.admin) {
                    $((Subject::$subject, $admin) => $name,)*
                    _ => "",
                }
            }

            /// The record's element.
            pub fn element(self) -> &'static str {
                match (self.subject, self.admin) {
                    $((Subject::$subject, $admin) => $element,)*
                    _ => "",
                }
            }

            /// The record's type in the schema.
            pub fn schema_type(self) -> &'static str {
                match (self.subject, self.admin) {
                    $((Subject::$subject, $admin) => $json,)*
                    _ => "",
                }
            }
        }
    };
}

types! {
    Organization false "organization" "OrgRecord" "QueryResultOrgRecordType",
    OrgVdc false "orgVdc" "OrgVdcRecord" "QueryResultOrgVdcRecordType",
    OrgVdc true "adminOrgVdc" "AdminVdcRecord" "QueryResultAdminVdcRecordType",
    Catalog false "catalog" "CatalogRecord" "QueryResultCatalogRecordType",
    Catalog true "adminCatalog" "AdminCatalogRecord" "QueryResultAdminCatalogRecordType",
    CatalogItem false "catalogItem" "CatalogItemRecord" "QueryResultCatalogItemRecordType",
    CatalogItem true "adminCatalogItem" "AdminCatalogItemRecord" "QueryResultAdminCatalogItemRecordType",
    VAppTemplate false "vAppTemplate" "VAppTemplateRecord" "QueryResultVAppTemplateRecordType",
    VAppTemplate true "adminVAppTemplate" "AdminVAppTemplateRecord" "QueryResultAdminVAppTemplateRecordType",
    VApp false "vApp" "VAppRecord" "QueryResultVAppRecordType",
    VApp true "adminVApp" "AdminVAppRecord" "QueryResultAdminVAppRecordType",
    Vm false "vm" "VMRecord" "QueryResultVMRecordType",
    Vm true "adminVM" "AdminVMRecord" "QueryResultAdminVMRecordType",
    Task false "task" "TaskRecord" "QueryResultTaskRecordType",
    Task true "adminTask" "AdminTaskRecord" "QueryResultAdminTaskRecordType",
    User false "user" "UserRecord" "QueryResultUserRecordType",
    User true "adminUser" "AdminUserRecord" "QueryResultAdminUserRecordType",
    Role false "role" "RoleRecord" "QueryResultRoleRecordType",
    Role true "adminRole" "AdminRoleRecord" "QueryResultAdminRoleRecordType",
    Right false "right" "RightRecord" "QueryResultRightRecordType",
    OrgVdcStorageProfile false "orgVdcStorageProfile" "OrgVdcStorageProfileRecord" "QueryResultOrgVdcStorageProfileRecordType",
    OrgVdcStorageProfile true "adminOrgVdcStorageProfile" "AdminOrgVdcStorageProfileRecord" "QueryResultAdminOrgVdcStorageProfileRecordType",
    OrgVdcNetwork false "orgVdcNetwork" "OrgVdcNetworkRecord" "QueryResultOrgVdcNetworkRecordType",
    VAppNetwork false "vAppNetwork" "VAppNetworkRecord" "QueryResultVAppNetworkRecordType",
    VAppNetwork true "adminVAppNetwork" "AdminVAppNetworkRecord" "QueryResultAdminVAppNetworkRecordType",
    Media false "media" "MediaRecord" "QueryResultMediaRecordType",
    Media true "adminMedia" "AdminMediaRecord" "QueryResultAdminMediaRecordType",
    Disk false "disk" "DiskRecord" "QueryResultDiskRecordType",
    Disk true "adminDisk" "AdminDiskRecord" "QueryResultAdminDiskRecordType",
}

impl RecordType {
    /// The type of this name; without regard to case, as VCD reads it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|record| record.name().eq_ignore_ascii_case(name))
    }

    /// Its fields: `id` first, then those of the schema.
    pub fn fields(self) -> &'static [Field] {
        self.subject.fields()
    }

    /// The field of that name, and its place.
    pub fn field(self, name: &str) -> Option<(usize, &'static Field)> {
        self.fields().iter().enumerate().find(|(_, field)| field.name == name)
    }
}

macro_rules! fields {
    ($($subject:ident $kind:ident { $($name:literal $field:expr, $shown:ident;)* })*) => {
        impl Subject {
            /// The fields that records about it have.
            pub const fn fields(self) -> &'static [Field] {
                use EntityKind as K;
                use FieldKind::{Bool, Int, Ref, Status, Text, Time, Urn};
                match self {
                    $(Self::$subject => {
                        const FIELDS: &[Field] = &[
                            Field { name: "id", kind: Urn(K::$kind), shown: Shown::Both },
                            $(Field { name: $name, kind: $field, shown: Shown::$shown },)*
                        ];
                        FIELDS
                    })*
                }
            }

            /// What the records' ids name.
            pub const fn kind(self) -> EntityKind {
                match self { $(Self::$subject => EntityKind::$kind,)* }
            }
        }
    };
}

// `status` is text where VCD's own codes are not those of `Status`.
fields! {
    Organization Org {
        "name" Text, Both; "displayName" Text, Both; "isEnabled" Bool, Both; "isReadOnly" Bool, Both;
        "canPublishCatalogs" Bool, Both; "deployedVMQuota" Int, Both; "storedVMQuota" Int, Both;
        "numberOfCatalogs" Int, Both; "numberOfVdcs" Int, Both; "numberOfVApps" Int, Both;
        "numberOfGroups" Int, Both; "numberOfDisks" Int, Both; "description" Text, Never;
        "numberOfRunningVMs" Int, Never; "numberOfUsers" Int, Never; "objectVersion" Int, Never;
    }
    OrgVdc Vdc {
        "name" Text, Both; "description" Text, Both; "isEnabled" Bool, Both; "status" Text, Both; "isBusy" Bool, Both;
        "orgName" Text, Both; "org" Ref(K::Org), Admin; "orgId" Urn(K::Org), Tenant;
        "providerVdc" Ref(K::ProviderVdc), Both; "providerVdcName" Text, Both;
        "cpuAllocationMhz" Int, Both; "cpuLimitMhz" Int, Both; "cpuUsedMhz" Int, Both; "cpuReservedMhz" Int, Tenant;
        "memoryAllocationMB" Int, Both; "memoryLimitMB" Int, Both; "memoryUsedMB" Int, Both; "memoryReservedMB" Int, Tenant;
        "storageAllocationMB" Int, Both; "storageLimitMB" Int, Both; "storageUsedMB" Int, Both;
        "numberOfVApps" Int, Both; "numberOfVMs" Int, Both; "numberOfRunningVMs" Int, Both;
        "numberOfDeployedVApps" Int, Both; "numberOfMedia" Int, Both; "numberOfDisks" Int, Both;
        "numberOfVAppTemplates" Int, Both; "numberOfStorageProfiles" Int, Both; "isSystemVdc" Bool, Both;
        "isThinProvisioned" Bool, Both; "isFastProvisioned" Bool, Both; "allocationModel" Text, Never;
        "nicQuota" Int, Never; "networkQuota" Int, Never; "vmQuota" Int, Never; "objectVersion" Int, Never;
        // All of them, as a JSON array of `StorageProfile`: the default one first, then by name.
        "storageProfiles" Text, Never;
    }
    Catalog Catalog {
        "name" Text, Both; "description" Text, Tenant; "isPublished" Bool, Both; "isShared" Bool, Both; "isLocal" Bool, Both;
        "creationDate" Time, Both; "orgName" Text, Both; "org" Ref(K::Org), Admin; "ownerName" Text, Both;
        "owner" Ref(K::User), Both; "numberOfVAppTemplates" Int, Tenant; "numberOfTemplates" Int, Admin;
        "numberOfMedia" Int, Both; "version" Int, Tenant; "publishSubscriptionType" Text, Tenant; "status" Text, Tenant;
        "objectVersion" Int, Never;
    }
    CatalogItem CatalogItem {
        "name" Text, Both; "entity" Ref(K::Template), Both; "entityName" Text, Both; "entityType" Text, Both;
        "catalog" Ref(K::Catalog), Both; "catalogName" Text, Both; "owner" Ref(K::User), Both; "ownerName" Text, Both;
        "org" Ref(K::Org), Admin; "isPublished" Bool, Both; "creationDate" Time, Both; "isExpired" Bool, Both;
        "status" Text, Both; "description" Text, Never; "modificationDate" Time, Never; "versionNumber" Int, Never;
        "numberOfVMs" Int, Never; "guestOs" Text, Never; "numberOfCpus" Int, Never; "memoryMB" Int, Never;
        "storageMB" Int, Never;
    }
    VAppTemplate Template {
        "name" Text, Both; "description" Text, Tenant; "catalog" Ref(K::Catalog), Both; "catalogName" Text, Both;
        "catalogItem" Ref(K::CatalogItem), Admin; "org" Ref(K::Org), Both; "owner" Ref(K::User), Admin;
        "ownerName" Text, Both; "vdc" Ref(K::Vdc), Both; "vdcName" Text, Both; "status" Text, Both;
        "creationDate" Time, Both; "isPublished" Bool, Both; "isEnabled" Bool, Both; "isBusy" Bool, Both;
        "isDeployed" Bool, Both; "isExpired" Bool, Both; "isGoldMaster" Bool, Both; "storageProfileName" Text, Both;
        "version" Int, Tenant;
    }
    VApp VApp {
        "name" Text, Both; "description" Text, Both; "status" Status, Both; "vdc" Ref(K::Vdc), Both; "vdcName" Text, Both;
        "org" Ref(K::Org), Admin; "owner" Ref(K::User), Never; "ownerName" Text, Both; "creationDate" Time, Both;
        "isDeployed" Bool, Both; "isEnabled" Bool, Both; "isBusy" Bool, Both; "isPublic" Bool, Tenant;
        "isExpired" Bool, Both; "isInMaintenanceMode" Bool, Both; "isAutoNature" Bool, Both; "isVdcEnabled" Bool, Admin;
        "numberOfVMs" Int, Admin; "numberOfCpus" Int, Both; "memoryAllocationMB" Int, Both;
        "totalStorageAllocatedMb" Int, Both; "storageKB" Int, Admin; "cpuAllocationMhz" Int, Admin;
        "orgName" Text, Never; "modificationDate" Time, Never;
    }
    Vm Vm {
        "name" Text, Both; "description" Text, Both; "containerName" Text, Both; "container" Ref(K::VApp), Both;
        "isVAppTemplate" Bool, Both; "status" Status, Both; "isDeployed" Bool, Both; "isBusy" Bool, Tenant;
        "vdc" Ref(K::Vdc), Both; "vdcName" Text, Tenant; "org" Ref(K::Org), Admin; "owner" Ref(K::User), Tenant;
        "ownerName" Text, Tenant; "guestOs" Text, Both; "numberOfCpus" Int, Both; "memoryMB" Int, Both;
        "hardwareVersion" Int, Both; "networkName" Text, Both; "ipAddress" Text, Both; "catalogName" Text, Both;
        "isPublished" Bool, Both; "isDeleted" Bool, Both; "isAutoNature" Bool, Both; "isInMaintenanceMode" Bool, Tenant;
        "isExpired" Bool, Both; "storageProfileName" Text, Both; "totalStorageAllocatedMb" Int, Tenant;
        "dateCreated" Time, Both; "vmSizingPolicyId" Urn(K::ComputePolicy), Both; "gcStatus" Text, Both;
        "firmware" Text, Both; "vmToolsStatus" Text, Tenant; "modificationDate" Time, Never;
    }
    Task Task {
        "name" Text, Both; "operationFull" Text, Both; "status" Text, Both; "progress" Int, Both;
        "object" Text, Both; "objectType" Text, Both; "objectName" Text, Both; "org" Ref(K::Org), Both;
        "orgName" Text, Both; "owner" Ref(K::User), Admin; "ownerName" Text, Both; "startDate" Time, Both;
        "endDate" Time, Both; "message" Text, Tenant; "serviceNamespace" Text, Both; "operation" Text, Never;
    }
    User User {
        "name" Text, Both; "fullName" Text, Both; "isEnabled" Bool, Both; "org" Ref(K::Org), Admin;
        "deployedVMQuota" Int, Both; "storedVMQuota" Int, Both; "numberOfDeployedVMs" Int, Both;
        "numberOfStoredVMs" Int, Both; "isLdapUser" Bool, Both; "isExternal" Bool, Both; "isLocked" Bool, Tenant;
        "identityProviderType" Text, Both; "roleNames" Text, Tenant; "email" Text, Never; "description" Text, Never;
        "orgName" Text, Never; "role" Ref(K::Role), Never; "objectVersion" Int, Never;
    }
    Role Role {
        "name" Text, Both; "description" Text, Tenant; "isReadOnly" Bool, Both; "org" Ref(K::Org), Admin;
        "orgName" Text, Admin;
    }
    Right Right {
        "name" Text, Both; "category" Text, Both;
    }
    OrgVdcStorageProfile StorageProfile {
        "name" Text, Both; "vdc" Ref(K::Vdc), Both; "vdcName" Text, Both; "org" Ref(K::Org), Admin;
        "isEnabled" Bool, Both; "isDefaultStorageProfile" Bool, Both; "storageUsedMB" Int, Both;
        "storageLimitMB" Int, Both; "numberOfConditions" Int, Both; "isVdcBusy" Bool, Tenant;
    }
    OrgVdcNetwork Network {
        "name" Text, Both; "defaultGateway" Text, Both; "netmask" Text, Both; "subnetPrefixLength" Int, Both;
        "dns1" Text, Both; "dns2" Text, Both; "dnsSuffix" Text, Both; "linkType" Int, Both; "connectedTo" Text, Both;
        "vdc" Ref(K::Vdc), Both; "vdcName" Text, Both; "isBusy" Bool, Both; "isShared" Bool, Both;
        "isIpScopeInherited" Bool, Both; "usedIpCount" Int, Both; "totalIpCount" Int, Both;
    }
    VAppNetwork Network {
        "name" Text, Both; "vApp" Ref(K::VApp), Both; "vAppName" Text, Tenant; "vappName" Text, Admin;
        "org" Ref(K::Org), Admin; "isLinked" Bool, Never; "linkType" Int, Never; "gateway" Text, Both;
        "netmask" Text, Both; "subnetPrefixLength" Int, Both; "dns1" Text, Both; "dns2" Text, Both;
        "dnsSuffix" Text, Both; "isBusy" Bool, Both; "isIpScopeInherited" Bool, Both; "parentNetworkId" Text, Both;
    }
    Media Media {
        "name" Text, Both; "catalog" Ref(K::Catalog), Both; "catalogName" Text, Both; "catalogItem" Ref(K::CatalogItem), Both;
        "org" Ref(K::Org), Both; "owner" Ref(K::User), Both; "ownerName" Text, Both; "vdc" Ref(K::Vdc), Both;
        "vdcName" Text, Both; "isPublished" Bool, Both; "isBusy" Bool, Both; "isIso" Bool, Never; "creationDate" Time, Both;
        "storageB" Int, Both; "status" Text, Both; "storageProfileName" Text, Both;
    }
    Disk Disk {
        "name" Text, Both; "vdc" Ref(K::Vdc), Both; "vdcName" Text, Both; "org" Ref(K::Org), Admin;
        "description" Text, Both; "owner" Ref(K::User), Never; "ownerName" Text, Both; "sizeMb" Int, Both;
        "sizeB" Int, Both; "status" Text, Both; "busType" Text, Both; "busSubType" Text, Both; "isAttached" Bool, Both;
        "attachedVmCount" Int, Both; "storageProfile" Ref(K::StorageProfile), Both; "storageProfileName" Text, Both;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for record in RecordType::ALL {
            assert_eq!(RecordType::from_name(record.name()), Some(*record));
            let mut names: Vec<_> = record.fields().iter().map(|field| field.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), record.fields().len(), "{}", record.name());
        }
    }
}
