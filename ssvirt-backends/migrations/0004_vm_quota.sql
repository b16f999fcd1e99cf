-- How many VMs a VDC may have, which until now was any number.
ALTER TABLE vdcs ADD COLUMN vm_quota BIGINT NOT NULL DEFAULT 0;
