//! The fields of every subject as SQL expressions.
//!
//! What this product does not have is a constant, true as far as it goes; what VCD leaves out where it does
//! not know is NULL. Constants are cast: a bare one in `ORDER BY` would be a column's number.

use ssvirt_core::query::Subject;

use super::source::{Seen, Source};

const NO: &str = "CAST(false AS BOOLEAN)";
const YES: &str = "CAST(true AS BOOLEAN)";
const ZERO: &str = "CAST(0 AS BIGINT)";
const NO_TEXT: &str = "CAST(NULL AS TEXT)";
const NO_INT: &str = "CAST(NULL AS BIGINT)";
const NO_FLAG: &str = "CAST(NULL AS BOOLEAN)";
const READY: &str = "CAST('READY' AS TEXT)";

/// Rows in `$table` that meet `$condition`.
macro_rules! count {
    ($table:literal, $condition:literal) => {
        concat!("(SELECT COUNT(*) FROM ", $table, " WHERE ", $condition, ")")
    };
}

/// The sum over rows of `$table` that meet `$condition`, times `$factor`.
macro_rules! sum {
    ($what:literal, $table:literal, $condition:literal) => {
        concat!(
            "(SELECT CAST(COALESCE(SUM(",
            $what,
            "), 0) AS BIGINT) FROM ",
            $table,
            " WHERE ",
            $condition,
            ")"
        )
    };
}

/// Whether a task works on the object of `$kind` with id `$id`.
macro_rules! busy {
    ($kind:literal, $id:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM task_locks l WHERE l.entity = 'urn:vcloud:",
            $kind,
            ":' || ",
            $id,
            ")"
        )
    };
}

/// Status of a vApp, as [`ssvirt_core::status::Status::of_vapp`] has it; `$one` is that of a VM.
macro_rules! vapp_status {
    ($one:literal) => {
        concat!(
            "CASE a.phase WHEN 'creating' THEN 0 WHEN 'failed' THEN -1 ELSE ",
            "(SELECT CASE WHEN COUNT(*) = 0 THEN 1 WHEN MIN(",
            $one,
            ") = MAX(",
            $one,
            ") THEN MIN(",
            $one,
            ") ELSE 10 END FROM vms m WHERE m.vapp_id = a.id) END"
        )
    };
}

/// The sources of a subject's rows.
pub(super) fn sources(subject: Subject) -> &'static [Source] {
    match subject {
        Subject::Organization => ORGANIZATION,
        Subject::OrgVdc => ORG_VDC,
        Subject::Catalog => CATALOG,
        Subject::CatalogItem => CATALOG_ITEM,
        Subject::VAppTemplate => TEMPLATE,
        Subject::VApp => VAPP,
        Subject::Vm => VM,
        Subject::Task => TASK,
        Subject::User => USER,
        Subject::Role => ROLE,
        Subject::Right => RIGHT,
        Subject::OrgVdcStorageProfile => STORAGE_PROFILE,
        Subject::OrgVdcNetwork => NETWORK,
        Subject::VAppNetwork => VAPP_NETWORK,
        Subject::Media => MEDIA,
        Subject::Disk => DISK,
    }
}

const ORGANIZATION: &[Source] = &[Source {
    from: "orgs o",
    id: "o.id",
    seen: Seen::ByOrg("o.id"),
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", "o.name"),
        ("displayName", "o.full_name"),
        ("isEnabled", "o.enabled"),
        ("isReadOnly", NO),
        ("canPublishCatalogs", "o.can_publish"),
        ("deployedVMQuota", ZERO),
        ("storedVMQuota", ZERO),
        ("numberOfCatalogs", count!("catalogs x", "x.org_id = o.id")),
        ("numberOfVdcs", count!("vdcs x", "x.org_id = o.id")),
        ("numberOfVApps", count!("vapps x", "x.org_id = o.id")),
        ("numberOfGroups", ZERO),
        ("numberOfDisks", ZERO),
        ("description", "o.description"),
        ("numberOfRunningVMs", count!("vms m", "m.org_id = o.id AND m.status = 4")),
        ("numberOfUsers", count!("users u", "u.org_id = o.id")),
        ("objectVersion", "o.version"),
    ],
}];

const ORG_VDC: &[Source] = &[Source {
    from: "vdcs v LEFT JOIN orgs o ON o.id = v.org_id LEFT JOIN provider_vdcs p ON p.id = v.provider_id",
    id: "v.id",
    seen: Seen::ByOrg("v.org_id"),
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", "v.name"),
        ("description", "v.description"),
        ("isEnabled", "v.enabled"),
        ("status", READY),
        ("isBusy", busy!("vdc", "v.id")),
        ("orgName", "o.name"),
        ("org", "v.org_id"),
        ("orgId", "v.org_id"),
        ("providerVdc", "v.provider_id"),
        ("providerVdcName", "p.name"),
        ("cpuAllocationMhz", "v.cpu_allocated_mhz"),
        ("cpuLimitMhz", "v.cpu_limit_mhz"),
        (
            "cpuUsedMhz",
            concat!("v.vcpu_mhz * ", sum!("m.cpus", "vms m", "m.vdc_id = v.id AND m.deployed")),
        ),
        ("cpuReservedMhz", ZERO),
        ("memoryAllocationMB", "v.memory_allocated_mib"),
        ("memoryLimitMB", "v.memory_limit_mib"),
        ("memoryUsedMB", sum!("m.memory_mib", "vms m", "m.vdc_id = v.id AND m.deployed")),
        ("memoryReservedMB", ZERO),
        ("storageAllocationMB", sum!("s.limit_mib", "storage_profiles s", "s.vdc_id = v.id")),
        ("storageLimitMB", sum!("s.limit_mib", "storage_profiles s", "s.vdc_id = v.id")),
        ("storageUsedMB", sum!("m.storage_mib", "vms m", "m.vdc_id = v.id")),
        ("numberOfVApps", count!("vapps x", "x.vdc_id = v.id")),
        ("numberOfVMs", count!("vms m", "m.vdc_id = v.id")),
        ("numberOfRunningVMs", count!("vms m", "m.vdc_id = v.id AND m.status = 4")),
        (
            "numberOfDeployedVApps",
            "(SELECT COUNT(DISTINCT m.vapp_id) FROM vms m WHERE m.vdc_id = v.id AND m.deployed)",
        ),
        ("numberOfMedia", ZERO),
        ("numberOfDisks", ZERO),
        ("numberOfVAppTemplates", ZERO),
        ("numberOfStorageProfiles", count!("storage_profiles s", "s.vdc_id = v.id")),
        ("isSystemVdc", NO),
        ("isThinProvisioned", "v.thin_provision"),
        ("isFastProvisioned", NO),
        ("allocationModel", "v.allocation_model"),
        ("nicQuota", "v.nic_quota"),
        ("networkQuota", "v.network_quota"),
        ("vmQuota", "v.vm_quota"),
        (
            "storageProfiles",
            "(SELECT '[' || STRING_AGG(s.data, ',' ORDER BY s.is_default DESC, s.name) || ']' \
             FROM storage_profiles s WHERE s.vdc_id = v.id)",
        ),
        ("objectVersion", "v.version"),
    ],
}];

const CATALOG: &[Source] = &[Source {
    from: "catalogs c LEFT JOIN orgs o ON o.id = c.org_id LEFT JOIN users u ON u.id = c.owner_id",
    id: "c.id",
    seen: Seen::ByOrgOrPublished("c.org_id", "c.published"),
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", "c.name"),
        ("description", "c.description"),
        ("isPublished", "c.published"),
        ("isShared", NO),
        ("isLocal", YES),
        ("creationDate", "c.created"),
        ("orgName", "o.name"),
        ("org", "c.org_id"),
        ("ownerName", "u.name"),
        ("owner", "c.owner_id"),
        ("numberOfVAppTemplates", count!("templates t", "t.catalog_id = c.id")),
        ("numberOfTemplates", count!("templates t", "t.catalog_id = c.id")),
        ("numberOfMedia", ZERO),
        ("version", "c.revision"),
        ("publishSubscriptionType", "CAST('UNPUBLISHED' AS TEXT)"),
        ("status", READY),
        ("objectVersion", "c.version"),
    ],
}];

const CATALOG_ITEM: &[Source] = &[Source {
    from: "catalog_items i LEFT JOIN catalogs c ON c.id = i.catalog_id \
           LEFT JOIN templates t ON t.id = i.template_id LEFT JOIN users u ON u.id = c.owner_id",
    id: "i.id",
    seen: Seen::ByOrgOrPublished("i.org_id", "c.published"),
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", "i.name"),
        ("entity", "i.template_id"),
        ("entityName", "COALESCE(t.name, i.name)"),
        ("entityType", "CAST('vapptemplate' AS TEXT)"),
        ("catalog", "i.catalog_id"),
        ("catalogName", "c.name"),
        ("owner", "c.owner_id"),
        ("ownerName", "u.name"),
        ("org", "i.org_id"),
        ("isPublished", "c.published"),
        ("creationDate", "i.created"),
        ("isExpired", NO),
        ("status", "COALESCE(t.status, 'RESOLVED')"),
        ("description", "COALESCE(t.description, '')"),
        ("modificationDate", "i.modified"),
        ("versionNumber", "i.version + 1"),
        ("numberOfVMs", count!("template_vms m", "m.template_id = i.template_id")),
        (
            "guestOs",
            "(SELECT m.os FROM template_vms m WHERE m.template_id = i.template_id AND m.pos = 0)",
        ),
        ("numberOfCpus", sum!("m.cpus", "template_vms m", "m.template_id = i.template_id")),
        ("memoryMB", sum!("m.memory_mib", "template_vms m", "m.template_id = i.template_id")),
        ("storageMB", sum!("m.storage_mib", "template_vms m", "m.template_id = i.template_id")),
    ],
}];

const TEMPLATE: &[Source] = &[Source {
    from: "templates t LEFT JOIN catalogs c ON c.id = t.catalog_id LEFT JOIN users u ON u.id = t.owner_id",
    id: "t.id",
    seen: Seen::ByOrgOrPublished("t.org_id", "c.published"),
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", "t.name"),
        ("description", "t.description"),
        ("catalog", "t.catalog_id"),
        ("catalogName", "c.name"),
        ("catalogItem", "t.item_id"),
        ("org", "t.org_id"),
        ("owner", "t.owner_id"),
        ("ownerName", "u.name"),
        ("vdc", NO_TEXT),
        ("vdcName", NO_TEXT),
        ("status", "t.status"),
        ("creationDate", "t.created"),
        ("isPublished", "COALESCE(c.published, false)"),
        ("isEnabled", YES),
        ("isBusy", busy!("vapptemplate", "t.id")),
        ("isDeployed", NO),
        ("isExpired", NO),
        ("isGoldMaster", NO),
        ("storageProfileName", NO_TEXT),
        ("version", "CAST(1 AS BIGINT)"),
    ],
}];

const VAPP: &[Source] = &[Source {
    from: "vapps a LEFT JOIN vdcs v ON v.id = a.vdc_id LEFT JOIN users u ON u.id = a.owner_id \
           LEFT JOIN orgs o ON o.id = a.org_id",
    id: "a.id",
    seen: Seen::ByOrg("a.org_id"),
    owner: Some("a.owner_id"),
    legacy_status: Some(vapp_status!(
        "CASE m.status WHEN 20 THEN 8 WHEN 21 THEN 3 ELSE m.status END"
    )),
    fields: &[
        ("name", "a.name"),
        ("description", "a.description"),
        ("status", vapp_status!("m.status")),
        ("vdc", "a.vdc_id"),
        ("vdcName", "v.name"),
        ("org", "a.org_id"),
        ("owner", "a.owner_id"),
        ("ownerName", "u.name"),
        ("creationDate", "a.created"),
        ("isDeployed", "EXISTS (SELECT 1 FROM vms m WHERE m.vapp_id = a.id AND m.deployed)"),
        ("isEnabled", YES),
        ("isBusy", busy!("vapp", "a.id")),
        ("isPublic", NO),
        ("isExpired", NO),
        ("isInMaintenanceMode", NO),
        ("isAutoNature", NO),
        ("isVdcEnabled", "v.enabled"),
        ("numberOfVMs", count!("vms m", "m.vapp_id = a.id")),
        ("numberOfCpus", sum!("m.cpus", "vms m", "m.vapp_id = a.id")),
        ("memoryAllocationMB", sum!("m.memory_mib", "vms m", "m.vapp_id = a.id")),
        ("totalStorageAllocatedMb", sum!("m.storage_mib", "vms m", "m.vapp_id = a.id")),
        ("storageKB", sum!("m.storage_mib * 1024", "vms m", "m.vapp_id = a.id")),
        ("cpuAllocationMhz", concat!("v.vcpu_mhz * ", sum!("m.cpus", "vms m", "m.vapp_id = a.id"))),
        ("orgName", "o.name"),
        ("modificationDate", "a.modified"),
    ],
}];

const VM: &[Source] = &[
    Source {
        from: "vms m LEFT JOIN vapps a ON a.id = m.vapp_id LEFT JOIN vdcs v ON v.id = m.vdc_id \
               LEFT JOIN users u ON u.id = a.owner_id LEFT JOIN storage_profiles s ON s.id = m.profile_id",
        id: "m.id",
        seen: Seen::ByOrg("m.org_id"),
        owner: Some("a.owner_id"),
        legacy_status: Some("CASE m.status WHEN 20 THEN 8 WHEN 21 THEN 3 ELSE m.status END"),
        fields: &[
            ("name", "m.name"),
            ("description", "m.description"),
            ("containerName", "a.name"),
            ("container", "m.vapp_id"),
            ("isVAppTemplate", NO),
            ("status", "m.status"),
            ("isDeployed", "m.deployed"),
            ("isBusy", busy!("vm", "m.id")),
            ("vdc", "m.vdc_id"),
            ("vdcName", "v.name"),
            ("org", "m.org_id"),
            ("owner", "a.owner_id"),
            ("ownerName", "u.name"),
            ("guestOs", "m.os"),
            ("numberOfCpus", "m.cpus"),
            ("memoryMB", "m.memory_mib"),
            ("hardwareVersion", "m.hardware_version"),
            ("networkName", "m.network_name"),
            ("ipAddress", "m.ip_address"),
            ("catalogName", NO_TEXT),
            ("isPublished", NO),
            ("isDeleted", NO),
            ("isAutoNature", NO),
            ("isInMaintenanceMode", NO),
            ("isExpired", NO),
            ("storageProfileName", "s.name"),
            ("totalStorageAllocatedMb", "m.storage_mib"),
            ("dateCreated", "m.created"),
            ("vmSizingPolicyId", "m.policy_id"),
            ("gcStatus", NO_TEXT),
            ("firmware", "m.firmware"),
            ("vmToolsStatus", "m.tools_status"),
            ("modificationDate", "m.modified"),
        ],
    },
    // Those in templates belong to nobody but their catalog's readers: no owner confines them.
    Source {
        from: "template_vms m JOIN templates t ON t.id = m.template_id \
               LEFT JOIN catalogs c ON c.id = t.catalog_id LEFT JOIN users u ON u.id = t.owner_id",
        id: "m.id",
        seen: Seen::ByOrgOrPublished("t.org_id", "c.published"),
        owner: None,
        legacy_status: None,
        fields: &[
            ("name", "m.name"),
            ("description", "m.description"),
            ("containerName", "t.name"),
            ("container", "m.template_id"),
            ("isVAppTemplate", YES),
            ("status", "CAST(8 AS BIGINT)"),
            ("isDeployed", NO),
            ("isBusy", NO),
            ("vdc", NO_TEXT),
            ("vdcName", NO_TEXT),
            ("org", "t.org_id"),
            ("owner", "t.owner_id"),
            ("ownerName", "u.name"),
            ("guestOs", "m.os"),
            ("numberOfCpus", "m.cpus"),
            ("memoryMB", "m.memory_mib"),
            ("hardwareVersion", "m.hardware_version"),
            ("networkName", "m.network_name"),
            ("ipAddress", NO_TEXT),
            ("catalogName", "c.name"),
            ("isPublished", "COALESCE(c.published, false)"),
            ("isDeleted", NO),
            ("isAutoNature", NO),
            ("isInMaintenanceMode", NO),
            ("isExpired", NO),
            ("storageProfileName", NO_TEXT),
            ("totalStorageAllocatedMb", "m.storage_mib"),
            ("dateCreated", "t.created"),
            ("vmSizingPolicyId", "m.policy_id"),
            ("gcStatus", NO_TEXT),
            ("firmware", "m.firmware"),
            ("vmToolsStatus", NO_TEXT),
            ("modificationDate", "t.created"),
        ],
    },
];

const TASK: &[Source] = &[Source {
    from: "tasks k LEFT JOIN orgs o ON o.id = k.org_id",
    id: "k.id",
    seen: Seen::ByOrg("k.org_id"),
    owner: Some("k.user_id"),
    legacy_status: None,
    fields: &[
        ("name", "k.operation_name"),
        ("operationFull", "k.operation"),
        ("status", "k.status"),
        ("progress", "k.progress"),
        ("object", "k.object"),
        ("objectType", "k.object_type"),
        ("objectName", "k.object_name"),
        ("org", "k.org_id"),
        ("orgName", "o.name"),
        ("owner", "k.user_id"),
        ("ownerName", "k.user_name"),
        ("startDate", "k.started"),
        ("endDate", "k.ended"),
        ("message", "k.message"),
        ("serviceNamespace", "CAST('com.vmware.vcloud' AS TEXT)"),
        ("operation", "k.operation"),
    ],
}];

const USER: &[Source] = &[Source {
    from: "users u LEFT JOIN roles r ON r.id = u.role_id LEFT JOIN orgs o ON o.id = u.org_id",
    id: "u.id",
    seen: Seen::ByOrg("u.org_id"),
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", "u.name"),
        ("fullName", "u.full_name"),
        ("isEnabled", "u.enabled"),
        ("org", "u.org_id"),
        ("deployedVMQuota", "u.deployed_vm_quota"),
        ("storedVMQuota", "u.stored_vm_quota"),
        (
            "numberOfDeployedVMs",
            count!("vms m JOIN vapps a ON a.id = m.vapp_id", "a.owner_id = u.id AND m.deployed"),
        ),
        (
            "numberOfStoredVMs",
            count!("vms m JOIN vapps a ON a.id = m.vapp_id", "a.owner_id = u.id"),
        ),
        ("isLdapUser", NO),
        ("isExternal", NO),
        ("isLocked", NO),
        ("identityProviderType", "CAST('INTEGRATED' AS TEXT)"),
        ("roleNames", "r.name"),
        ("email", "u.email"),
        ("description", "u.description"),
        ("orgName", "o.name"),
        ("role", "u.role_id"),
        ("objectVersion", "u.version"),
    ],
}];

const ROLE: &[Source] = &[Source {
    from: "roles r LEFT JOIN orgs o ON o.id = r.org_id",
    id: "r.id",
    seen: Seen::AsRole("r.org_id", "r.name"),
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", "r.name"),
        ("description", "r.description"),
        ("isReadOnly", "r.read_only"),
        ("org", "r.org_id"),
        ("orgName", "o.name"),
    ],
}];

const RIGHT: &[Source] = &[Source {
    from: "rights g",
    id: "g.id",
    seen: Seen::ByAll,
    owner: None,
    legacy_status: None,
    fields: &[("name", "g.name"), ("category", "g.category")],
}];

const STORAGE_PROFILE: &[Source] = &[Source {
    from: "storage_profiles s LEFT JOIN vdcs v ON v.id = s.vdc_id",
    id: "s.id",
    seen: Seen::ByOrg("s.org_id"),
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", "s.name"),
        ("vdc", "s.vdc_id"),
        ("vdcName", "v.name"),
        ("org", "s.org_id"),
        ("isEnabled", "s.enabled"),
        ("isDefaultStorageProfile", "s.is_default"),
        ("storageUsedMB", sum!("d.size_mib", "vm_disks d", "d.profile_id = s.id")),
        ("storageLimitMB", "s.limit_mib"),
        ("numberOfConditions", ZERO),
        ("isVdcBusy", busy!("vdc", "s.vdc_id")),
    ],
}];

const NETWORK: &[Source] = &[Source {
    from: "networks n LEFT JOIN vdcs v ON v.id = n.vdc_id",
    id: "n.id",
    seen: Seen::ByOrg("n.org_id"),
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", "n.name"),
        ("defaultGateway", "n.gateway"),
        ("netmask", "n.netmask"),
        ("subnetPrefixLength", "n.prefix"),
        ("dns1", "n.dns1"),
        ("dns2", "n.dns2"),
        ("dnsSuffix", "n.dns_suffix"),
        ("linkType", "n.link_type"),
        ("connectedTo", NO_TEXT),
        ("vdc", "n.vdc_id"),
        ("vdcName", "v.name"),
        ("isBusy", busy!("network", "n.id")),
        ("isShared", "n.shared"),
        ("isIpScopeInherited", "n.inherited"),
        ("usedIpCount", "(SELECT COUNT(DISTINCT x.ip) FROM vm_nics x WHERE x.network_id = n.id)"),
        ("totalIpCount", "n.total_ips"),
    ],
}];

const VAPP_NETWORK: &[Source] = &[Source {
    from: "vapp_networks n JOIN vapps a ON a.id = n.vapp_id",
    id: "n.id",
    seen: Seen::ByOrg("a.org_id"),
    owner: Some("a.owner_id"),
    legacy_status: None,
    fields: &[
        ("name", "n.name"),
        ("vApp", "n.vapp_id"),
        ("vAppName", "a.name"),
        ("vappName", "a.name"),
        ("org", "a.org_id"),
        ("isLinked", "n.parent_id IS NOT NULL"),
        ("linkType", "n.link_type"),
        ("gateway", "n.gateway"),
        ("netmask", "n.netmask"),
        ("subnetPrefixLength", "n.prefix"),
        ("dns1", "n.dns1"),
        ("dns2", "n.dns2"),
        ("dnsSuffix", "n.dns_suffix"),
        ("isBusy", busy!("vapp", "n.vapp_id")),
        ("isIpScopeInherited", "n.inherited"),
        ("parentNetworkId", "'urn:vcloud:network:' || n.parent_id"),
    ],
}];

/// There are none so far; their fields are known, so that filters on them are checked.
const NOTHING: &str = "(SELECT CAST(NULL AS TEXT) AS id WHERE 1 = 0) e";

const MEDIA: &[Source] = &[Source {
    from: NOTHING,
    id: "e.id",
    seen: Seen::ByAll,
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", NO_TEXT),
        ("catalog", NO_TEXT),
        ("catalogName", NO_TEXT),
        ("catalogItem", NO_TEXT),
        ("org", NO_TEXT),
        ("owner", NO_TEXT),
        ("ownerName", NO_TEXT),
        ("vdc", NO_TEXT),
        ("vdcName", NO_TEXT),
        ("isPublished", NO_FLAG),
        ("isBusy", NO_FLAG),
        ("isIso", NO_FLAG),
        ("creationDate", NO_INT),
        ("storageB", NO_INT),
        ("status", NO_TEXT),
        ("storageProfileName", NO_TEXT),
    ],
}];

const DISK: &[Source] = &[Source {
    from: NOTHING,
    id: "e.id",
    seen: Seen::ByAll,
    owner: None,
    legacy_status: None,
    fields: &[
        ("name", NO_TEXT),
        ("vdc", NO_TEXT),
        ("vdcName", NO_TEXT),
        ("org", NO_TEXT),
        ("description", NO_TEXT),
        ("owner", NO_TEXT),
        ("ownerName", NO_TEXT),
        ("sizeMb", NO_INT),
        ("sizeB", NO_INT),
        ("status", NO_TEXT),
        ("busType", NO_TEXT),
        ("busSubType", NO_TEXT),
        ("isAttached", NO_FLAG),
        ("attachedVmCount", NO_INT),
        ("storageProfile", NO_TEXT),
        ("storageProfileName", NO_TEXT),
    ],
}];
