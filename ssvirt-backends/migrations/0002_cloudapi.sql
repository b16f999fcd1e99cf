-- What the lists of /cloudapi show, sort and filter by. The columns are filled from the documents by
-- sql/migrate.rs, which notes in `projections` how far each table's columns are.

CREATE TABLE projections (
    name TEXT PRIMARY KEY NOT NULL, revision BIGINT NOT NULL
);

ALTER TABLE orgs ADD COLUMN description TEXT NOT NULL DEFAULT '';

ALTER TABLE users ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN description TEXT NOT NULL DEFAULT '';

ALTER TABLE vdcs ADD COLUMN allocation_model TEXT NOT NULL DEFAULT '';
ALTER TABLE vdcs ADD COLUMN cpu_allocated_mhz BIGINT NOT NULL DEFAULT 0;
ALTER TABLE vdcs ADD COLUMN memory_allocated_mib BIGINT NOT NULL DEFAULT 0;
ALTER TABLE vdcs ADD COLUMN nic_quota BIGINT NOT NULL DEFAULT 0;
ALTER TABLE vdcs ADD COLUMN network_quota BIGINT NOT NULL DEFAULT 0;
ALTER TABLE vdcs ADD COLUMN thin_provision BOOLEAN NOT NULL DEFAULT true;

ALTER TABLE catalog_items ADD COLUMN modified BIGINT NOT NULL DEFAULT 0;
ALTER TABLE vapps ADD COLUMN modified BIGINT NOT NULL DEFAULT 0;
ALTER TABLE vms ADD COLUMN modified BIGINT NOT NULL DEFAULT 0;

-- For the counters of running VMs.
CREATE INDEX vms_org_status ON vms (org_id, status);
CREATE INDEX vms_vdc_status ON vms (vdc_id, status);
