-- Catalogs that some organizations may read and others not.

ALTER TABLE catalogs ADD COLUMN limited BOOLEAN NOT NULL DEFAULT false;

CREATE TABLE catalog_readers (
    catalog_id TEXT NOT NULL REFERENCES catalogs (id) ON DELETE CASCADE, pos BIGINT NOT NULL,
    org_id TEXT NOT NULL,
    PRIMARY KEY (catalog_id, pos)
);
CREATE INDEX catalog_readers_org ON catalog_readers (org_id, catalog_id);
