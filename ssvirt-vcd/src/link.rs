//! Link relations and the media types that links carry.

/// Link relations.
pub mod rel {
    macro_rules! rels {
        ($($name:ident = $text:literal;)*) => {
            $(#[doc = concat!("`", $text, "`")] pub const $name: &str = $text;)*
        };
    }

    rels! {
        UP = "up";
        DOWN = "down";
        ADD = "add";
        EDIT = "edit";
        REMOVE = "remove";
        ALTERNATE = "alternate";
        ENABLE = "enable";
        DISABLE = "disable";
        DEPLOY = "deploy";
        UNDEPLOY = "undeploy";
        RECOMPOSE = "recompose";
        RECONFIGURE_VM = "reconfigureVm";
        POWER_ON = "power:powerOn";
        POWER_OFF = "power:powerOff";
        POWER_RESET = "power:reset";
        POWER_REBOOT = "power:reboot";
        POWER_SUSPEND = "power:suspend";
        POWER_SHUTDOWN = "power:shutdown";
        DISCARD_STATE = "discardState";
        SNAPSHOT_CREATE = "snapshot:create";
        SNAPSHOT_REVERT = "snapshot:revertToCurrent";
        SNAPSHOT_REMOVE_ALL = "snapshot:removeAll";
        DISK_ATTACH = "disk:attach";
        DISK_DETACH = "disk:detach";
        MEDIA_INSERT = "media:insertMedia";
        MEDIA_EJECT = "media:ejectMedia";
        INSTALL_VMWARE_TOOLS = "installVmwareTools";
        CONSOLIDATE = "consolidate";
        UPGRADE = "upgrade";
        RELOAD_FROM_VC = "reloadFromVc";
        CHECK_COMPLIANCE = "checkCompliance";
        CUSTOMIZE_AT_NEXT_POWER_ON = "customizeAtNextPowerOn";
        RELOCATE = "relocate";
        SCREEN_THUMBNAIL = "screen:thumbnail";
        SCREEN_ACQUIRE_TICKET = "screen:acquireTicket";
        SCREEN_ACQUIRE_MKS_TICKET = "screen:acquireMksTicket";
        CONTROL_ACCESS = "controlAccess";
        PUBLISH = "publish";
        ENTER_MAINTENANCE_MODE = "enterMaintenanceMode";
        EXIT_MAINTENANCE_MODE = "exitMaintenanceMode";
        DOWNLOAD_DEFAULT = "download:default";
        DOWNLOAD_OVA_DEFAULT = "download:ovaDefault";
        UPLOAD_DEFAULT = "upload:default";
        OVF = "ovf";
        CATALOG_ITEM = "catalogItem";
        STORAGE_PROFILE = "storageProfile";
        TASK_CANCEL = "task:cancel";
        ENTITY_RESOLVER = "entityResolver";
        DOWN_EXTENSIBILITY = "down:extensibility";
        OPENAPI = "openapi";
        NEXT_PAGE = "nextPage";
        PREVIOUS_PAGE = "previousPage";
        FIRST_PAGE = "firstPage";
        LAST_PAGE = "lastPage";
        EDGE_GATEWAYS = "edgeGateways";
        ORG_VDC_NETWORKS = "orgVdcNetworks";
        REPAIR = "repair";
        RESET = "reset";
        LINK_TO_TEMPLATE = "linkToTemplate";
        UNLINK_FROM_TEMPLATE = "unlinkFromTemplate";
        TAKE_OWNERSHIP = "takeOwnership";
        UNLOCK = "unlock";
    }
}

/// Media types as links and `type` attributes spell them. The case matters to clients.
pub mod mt {
    macro_rules! media {
        ($($name:ident = $text:literal;)*) => {
            $(#[doc = concat!("`", $text, "`")] pub const $name: &str = concat!("application/vnd.vmware.", $text, "+xml");)*
        };
    }

    /// JSON.
    pub const JSON: &str = "application/json";
    /// A binary download.
    pub const BINARY: &str = "application/binary";
    /// Text XML, as for OVF descriptors.
    pub const TEXT_XML: &str = "text/xml";

    media! {
        API_EXTENSIBILITY = "vcloud.apiextensibility";
        BOOT_OPTIONS = "vcloud.bootOptionsSection";
        CAPTURE_VAPP_PARAMS = "vcloud.captureVAppParams";
        CATALOG = "vcloud.catalog";
        CATALOG_ITEM = "vcloud.catalogItem";
        CLONE_VAPP_PARAMS = "vcloud.cloneVAppParams";
        COMPOSE_VAPP_PARAMS = "vcloud.composeVAppParams";
        CONTROL_ACCESS = "vcloud.controlAccess";
        CREATE_SNAPSHOT_PARAMS = "vcloud.createSnapshotParams";
        CREATE_VM_PARAMS = "vcloud.CreateVmParams";
        DEPLOY_VAPP_PARAMS = "vcloud.deployVAppParams";
        DISK = "vcloud.disk";
        DISK_ATTACH_OR_DETACH_PARAMS = "vcloud.diskAttachOrDetachParams";
        DISK_CREATE_PARAMS = "vcloud.diskCreateParams";
        ENTITY = "vcloud.entity";
        ERROR = "vcloud.error";
        GUEST_CUSTOMIZATION_SECTION = "vcloud.guestCustomizationSection";
        INSTANTIATE_VAPP_TEMPLATE_PARAMS = "vcloud.instantiateVAppTemplateParams";
        INSTANTIATE_VM_TEMPLATE_PARAMS = "vcloud.instantiateVmTemplateParams";
        LEASE_SETTINGS_SECTION = "vcloud.leaseSettingsSection";
        MEDIA = "vcloud.media";
        MEDIA_INSERT_OR_EJECT_PARAMS = "vcloud.mediaInsertOrEjectParams";
        METADATA = "vcloud.metadata";
        METADATA_VALUE = "vcloud.metadata.value";
        METRICS_CURRENT_USAGE_SPEC = "vcloud.metrics.currentUsageSpec";
        METRICS_HISTORIC_USAGE_SPEC = "vcloud.metrics.historicUsageSpec";
        NETWORK_CONFIG_SECTION = "vcloud.networkConfigSection";
        NETWORK_CONNECTION_SECTION = "vcloud.networkConnectionSection";
        NETWORK_SECTION = "vcloud.networkSection";
        OPERATING_SYSTEM_SECTION = "vcloud.operatingSystemSection";
        ORG = "vcloud.org";
        ORG_LIST = "vcloud.orgList";
        ORG_NETWORK = "vcloud.orgNetwork";
        ORG_VDC_NETWORK = "vcloud.orgVdcNetwork";
        OWNER = "vcloud.owner";
        PRODUCT_SECTIONS = "vcloud.productSections";
        QUERY_IDRECORDS = "vcloud.query.idrecords";
        QUERY_LIST = "vcloud.query.queryList";
        QUERY_RECORDS = "vcloud.query.records";
        QUERY_REFERENCES = "vcloud.query.references";
        RASD_ITEM = "vcloud.rasdItem";
        RASD_ITEMS_LIST = "vcloud.rasdItemsList";
        RECOMPOSE_VAPP_PARAMS = "vcloud.recomposeVAppParams";
        RELOCATE_VM_PARAMS = "vcloud.relocateVmParams";
        RUNTIME_INFO_SECTION = "vcloud.runtimeInfoSection";
        SCREEN_MKS_TICKET = "vcloud.mksTicket";
        SCREEN_TICKET = "vcloud.screenTicket";
        SESSION = "vcloud.session";
        SNAPSHOT_SECTION = "vcloud.snapshotSection";
        STARTUP_SECTION = "vcloud.startupSection";
        TASK = "vcloud.task";
        TASKS_LIST = "vcloud.tasksList";
        UNDEPLOY_VAPP_PARAMS = "vcloud.undeployVAppParams";
        UPLOAD_VAPP_TEMPLATE_PARAMS = "vcloud.uploadVAppTemplateParams";
        VAPP = "vcloud.vApp";
        VAPP_NETWORK = "vcloud.vAppNetwork";
        VAPP_TEMPLATE = "vcloud.vAppTemplate";
        VDC = "vcloud.vdc";
        VDC_COMPUTE_POLICY_REFERENCES = "vcloud.vdcComputePolicyReferences";
        VDC_STORAGE_PROFILE = "vcloud.vdcStorageProfile";
        VIRTUAL_HARDWARE_SECTION = "vcloud.virtualHardwareSection";
        VIRTUAL_HARDWARE_VERSION = "vcloud.virtualHardwareVersion";
        VM = "vcloud.vm";
        VM_AFFINITY_RULE = "vcloud.vmaffinityrule";
        VM_AFFINITY_RULES = "vcloud.vmaffinityrules";
        VM_CAPABILITIES = "vcloud.vmCapabilitiesSection";
        VM_COMPLIANCE_RESULT = "vm.complianceResult";
        VM_PENDING_QUESTION = "vcloud.vmPendingQuestion";
        VMS = "vcloud.vms";

        ADMIN_CATALOG = "admin.catalog";
        ADMIN_CREATE_VDC_PARAMS = "admin.createVdcParams";
        ADMIN_EDGE_GATEWAY = "admin.edgeGateway";
        ADMIN_GROUP = "admin.group";
        ADMIN_NETWORK = "admin.network";
        ADMIN_ORG = "admin.organization";
        ADMIN_ORG_EMAIL_SETTINGS = "admin.organizationEmailSettings";
        ADMIN_ORG_GENERAL_SETTINGS = "admin.organizationGeneralSettings";
        ADMIN_ORG_LDAP_SETTINGS = "admin.organizationLdapSettings";
        ADMIN_ORG_PASSWORD_POLICY_SETTINGS = "admin.organizationPasswordPolicySettings";
        ADMIN_ORG_RIGHTS = "admin.org.rights";
        ADMIN_ORG_SETTINGS = "admin.orgSettings";
        ADMIN_ORG_VAPP_LEASE_SETTINGS = "admin.vAppLeaseSettings";
        ADMIN_ORG_VAPP_TEMPLATE_LEASE_SETTINGS = "admin.vAppTemplateLeaseSettings";
        ADMIN_PROVIDER_VDC = "admin.providervdc";
        ADMIN_PUBLISH_CATALOG_PARAMS = "admin.publishCatalogParams";
        ADMIN_RIGHT = "admin.right";
        ADMIN_ROLE = "admin.role";
        ADMIN_UPDATE_VDC_STORAGE_PROFILES = "admin.updateVdcStorageProfiles";
        ADMIN_USER = "admin.user";
        ADMIN_VCLOUD = "admin.vcloud";
        ADMIN_VDC = "admin.vdc";
        ADMIN_VDC_STORAGE_PROFILE = "admin.vdcStorageProfile";
        ADMIN_VMW_EXTENSION = "admin.vmwExtension";
        PUBLISH_EXTERNAL_CATALOG_PARAMS = "admin.publishExternalCatalogParams";
    }

    /// A constant of this module as a body's media type: without `+xml`.
    #[must_use]
    pub fn bare(media: &str) -> &str {
        media.strip_suffix("+xml").unwrap_or(media)
    }
}
