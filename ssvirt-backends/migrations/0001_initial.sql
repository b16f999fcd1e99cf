-- One text for SQLite and PostgreSQL: only TEXT, BIGINT, BOOLEAN and DOUBLE PRECISION. On PostgreSQL,
-- sql/migrate.rs gives every TEXT column the collation "C", so that both engines sort and compare bytes.
--
-- Rows are documents: `data` is the whole model struct as JSON. The other columns repeat what lookups,
-- uniqueness, sums and the query service need. Times are milliseconds since 1970, ids are UUIDs in text.
-- An index named `*_name` means "this name is taken" when it is violated (sql/driver.rs).

CREATE TABLE orgs (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    name TEXT NOT NULL, name_key TEXT NOT NULL, full_name TEXT NOT NULL,
    enabled BOOLEAN NOT NULL, can_publish BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX orgs_name ON orgs (name_key);
CREATE INDEX orgs_exact ON orgs (name);

CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    org_id TEXT NOT NULL, name TEXT NOT NULL, name_key TEXT NOT NULL, full_name TEXT NOT NULL,
    enabled BOOLEAN NOT NULL, role_id TEXT NOT NULL,
    deployed_vm_quota BIGINT NOT NULL, stored_vm_quota BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_name ON users (org_id, name_key);
CREATE INDEX users_exact ON users (org_id, name);
CREATE INDEX users_role ON users (role_id);

-- `scope` is the organization, or '' for the roles that all of them have: NULLs are never equal, and a
-- unique index over an expression is spelled differently by the engines.
CREATE TABLE roles (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    org_id TEXT, scope TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, read_only BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX roles_name ON roles (scope, name);
CREATE INDEX roles_org ON roles (org_id, name);
CREATE INDEX roles_exact ON roles (name);

-- Filled at each start from the list in the program.
CREATE TABLE rights (
    id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, category TEXT NOT NULL
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    user_id TEXT NOT NULL, org_id TEXT NOT NULL, expires BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_org ON sessions (org_id);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE provider_vdcs (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    name TEXT NOT NULL
);
CREATE UNIQUE INDEX provider_vdcs_name ON provider_vdcs (name);

CREATE TABLE vdcs (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    org_id TEXT NOT NULL, provider_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
    enabled BOOLEAN NOT NULL, cpu_limit_mhz BIGINT NOT NULL, memory_limit_mib BIGINT NOT NULL,
    vcpu_mhz BIGINT NOT NULL
);
CREATE UNIQUE INDEX vdcs_name ON vdcs (org_id, name);
CREATE INDEX vdcs_exact ON vdcs (name);
CREATE INDEX vdcs_provider ON vdcs (provider_id, name);

CREATE TABLE storage_profiles (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    vdc_id TEXT NOT NULL, org_id TEXT NOT NULL, name TEXT NOT NULL, is_default BOOLEAN NOT NULL,
    enabled BOOLEAN NOT NULL, limit_mib BIGINT NOT NULL
);
CREATE UNIQUE INDEX storage_profiles_name ON storage_profiles (vdc_id, name);
CREATE INDEX storage_profiles_org ON storage_profiles (org_id, name);

CREATE TABLE compute_policies (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    name TEXT NOT NULL
);
CREATE INDEX compute_policies_exact ON compute_policies (name);

CREATE TABLE networks (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    org_id TEXT NOT NULL, vdc_id TEXT NOT NULL, name TEXT NOT NULL, link_type BIGINT NOT NULL,
    gateway TEXT NOT NULL, netmask TEXT NOT NULL, prefix BIGINT NOT NULL, dns1 TEXT, dns2 TEXT, dns_suffix TEXT,
    inherited BOOLEAN NOT NULL, shared BOOLEAN NOT NULL, total_ips BIGINT NOT NULL
);
CREATE UNIQUE INDEX networks_name ON networks (vdc_id, name);
CREATE INDEX networks_org ON networks (org_id, name);

CREATE TABLE catalogs (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    org_id TEXT NOT NULL, owner_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
    published BOOLEAN NOT NULL, revision BIGINT NOT NULL, created BIGINT NOT NULL
);
CREATE UNIQUE INDEX catalogs_name ON catalogs (org_id, name);
CREATE INDEX catalogs_exact ON catalogs (name);
CREATE INDEX catalogs_owner ON catalogs (owner_id);

CREATE TABLE catalog_items (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    catalog_id TEXT NOT NULL, org_id TEXT NOT NULL, name TEXT NOT NULL, template_id TEXT NOT NULL,
    source TEXT, created BIGINT NOT NULL
);
CREATE UNIQUE INDEX catalog_items_name ON catalog_items (catalog_id, name);
CREATE INDEX catalog_items_org ON catalog_items (org_id, name);
CREATE INDEX catalog_items_source ON catalog_items (source);
CREATE INDEX catalog_items_template ON catalog_items (template_id);

CREATE TABLE templates (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    org_id TEXT NOT NULL, catalog_id TEXT NOT NULL, item_id TEXT NOT NULL, owner_id TEXT NOT NULL,
    name TEXT NOT NULL, description TEXT NOT NULL, status TEXT NOT NULL, created BIGINT NOT NULL
);
CREATE INDEX templates_catalog ON templates (catalog_id, name);
CREATE INDEX templates_org ON templates (org_id, name);
CREATE INDEX templates_item ON templates (item_id);
CREATE INDEX templates_owner ON templates (owner_id);

CREATE TABLE template_vms (
    template_id TEXT NOT NULL REFERENCES templates (id) ON DELETE CASCADE, pos BIGINT NOT NULL,
    id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, os TEXT NOT NULL,
    cpus BIGINT NOT NULL, memory_mib BIGINT NOT NULL, storage_mib BIGINT NOT NULL, hardware_version BIGINT,
    firmware TEXT NOT NULL, network_name TEXT, policy_id TEXT NOT NULL,
    PRIMARY KEY (template_id, pos)
);
CREATE INDEX template_vms_id ON template_vms (id);
CREATE INDEX template_vms_exact ON template_vms (name);

CREATE TABLE vapps (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    org_id TEXT NOT NULL, vdc_id TEXT NOT NULL, owner_id TEXT NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL, phase TEXT NOT NULL, created BIGINT NOT NULL
);
CREATE UNIQUE INDEX vapps_name ON vapps (org_id, name);
CREATE INDEX vapps_vdc ON vapps (vdc_id, name);
CREATE INDEX vapps_owner ON vapps (owner_id, name);
CREATE INDEX vapps_exact ON vapps (name);

CREATE TABLE vapp_networks (
    vapp_id TEXT NOT NULL REFERENCES vapps (id) ON DELETE CASCADE, pos BIGINT NOT NULL,
    id TEXT NOT NULL, name TEXT NOT NULL, parent_id TEXT, link_type BIGINT NOT NULL,
    gateway TEXT, netmask TEXT, prefix BIGINT, dns1 TEXT, dns2 TEXT, dns_suffix TEXT, inherited BOOLEAN NOT NULL,
    PRIMARY KEY (vapp_id, pos)
);
CREATE INDEX vapp_networks_id ON vapp_networks (id);
CREATE INDEX vapp_networks_parent ON vapp_networks (parent_id);

CREATE TABLE vms (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    org_id TEXT NOT NULL, vdc_id TEXT NOT NULL, vapp_id TEXT NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL, status BIGINT NOT NULL, deployed BOOLEAN NOT NULL, os TEXT NOT NULL,
    cpus BIGINT NOT NULL, memory_mib BIGINT NOT NULL, storage_mib BIGINT NOT NULL, nics BIGINT NOT NULL,
    hardware_version BIGINT, firmware TEXT NOT NULL, network_name TEXT, ip_address TEXT, profile_id TEXT,
    policy_id TEXT NOT NULL, tools_status TEXT, created BIGINT NOT NULL
);
CREATE UNIQUE INDEX vms_name ON vms (vapp_id, name);
CREATE INDEX vms_vdc ON vms (vdc_id, name);
CREATE INDEX vms_org ON vms (org_id, name);
CREATE INDEX vms_exact ON vms (name);

-- `network_id` is the organization network that the address is taken from, `network_name` the vApp network.
CREATE TABLE vm_nics (
    vm_id TEXT NOT NULL REFERENCES vms (id) ON DELETE CASCADE, pos BIGINT NOT NULL,
    network_id TEXT, network_name TEXT, ip TEXT, is_primary BOOLEAN NOT NULL,
    PRIMARY KEY (vm_id, pos)
);
CREATE INDEX vm_nics_network ON vm_nics (network_id, ip);

-- `profile_id` is the disk's own storage profile or else the VM's.
CREATE TABLE vm_disks (
    vm_id TEXT NOT NULL REFERENCES vms (id) ON DELETE CASCADE, pos BIGINT NOT NULL,
    profile_id TEXT, size_mib BIGINT NOT NULL,
    PRIMARY KEY (vm_id, pos)
);
CREATE INDEX vm_disks_profile ON vm_disks (profile_id, size_mib);

-- The lease is not part of the document: renewing it must not make an update of the task a conflict.
CREATE TABLE tasks (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    org_id TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, object TEXT NOT NULL,
    object_id TEXT NOT NULL, object_type TEXT NOT NULL, object_name TEXT NOT NULL, operation_name TEXT NOT NULL,
    operation TEXT NOT NULL, status TEXT NOT NULL, progress BIGINT NOT NULL, message TEXT, unfinished BOOLEAN NOT NULL,
    started BIGINT NOT NULL, ended BIGINT,
    lease_owner TEXT, lease_until BIGINT
);
CREATE INDEX tasks_org ON tasks (org_id, started);
CREATE INDEX tasks_user ON tasks (user_id, started);
CREATE INDEX tasks_object ON tasks (object_id);
CREATE INDEX tasks_unfinished ON tasks (unfinished, started);
CREATE INDEX tasks_status ON tasks (status);
CREATE INDEX tasks_started ON tasks (started);

CREATE TABLE task_steps (
    task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE, seq BIGINT NOT NULL,
    step TEXT NOT NULL, done BOOLEAN NOT NULL,
    PRIMARY KEY (task_id, seq)
);

-- What tasks work on, by URN.
CREATE TABLE task_locks (
    entity TEXT PRIMARY KEY NOT NULL,
    task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE
);
CREATE INDEX task_locks_task ON task_locks (task_id);

CREATE TABLE events (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, data TEXT NOT NULL,
    org_id TEXT NOT NULL, user_id TEXT, at BIGINT NOT NULL
);
CREATE INDEX events_org ON events (org_id, at);
CREATE INDEX events_user ON events (user_id, at);
CREATE INDEX events_at ON events (at);

-- `num` is the value of numbers, and of points in time in milliseconds, for ordered comparisons.
CREATE TABLE metadata (
    entity TEXT NOT NULL, domain TEXT NOT NULL, key TEXT NOT NULL,
    kind TEXT NOT NULL, value TEXT NOT NULL, num DOUBLE PRECISION, visibility TEXT NOT NULL,
    PRIMARY KEY (entity, domain, key)
);
CREATE INDEX metadata_key ON metadata (domain, key);
