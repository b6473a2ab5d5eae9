-- The source of versions and receipts: numbers that were never given before.
CREATE TABLE counter (next INTEGER NOT NULL) STRICT;
INSERT INTO counter VALUES (1);

CREATE TABLE apps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    stage TEXT NOT NULL,
    UNIQUE (project, stage)
) STRICT;

-- Tables, buckets, topics, queues, subscriptions. Ids are never used again, so what still names a dropped one finds nothing.
CREATE TABLE resources (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    app INTEGER NOT NULL REFERENCES apps ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL, -- JSON
    listens_to TEXT,          -- of a subscription: KIND/NAME of its source
    UNIQUE (app, kind, name)
) STRICT;
CREATE INDEX resources_by_source ON resources (app, listens_to) WHERE listens_to IS NOT NULL;

CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    inbox INTEGER NOT NULL REFERENCES resources ON DELETE CASCADE,
    state INTEGER NOT NULL,   -- 0: waiting, 1: leased, 2: dead
    ready_ms INTEGER NOT NULL, -- waiting: since or from when it is ready; leased: when the lease ends
    receipt INTEGER,          -- of a leased one
    attempts INTEGER NOT NULL,
    id TEXT NOT NULL,
    event TEXT NOT NULL,
    subject TEXT,
    attributes TEXT,          -- JSON
    sent_ms INTEGER NOT NULL,
    last_error TEXT,
    is_json INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX messages_by_state ON messages (inbox, state, ready_ms);
CREATE UNIQUE INDEX messages_by_receipt ON messages (receipt) WHERE receipt IS NOT NULL;

-- Keys are encoded so that their bytes have the order of their values. Without a sort key, `sort` is empty.
CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    resource INTEGER NOT NULL REFERENCES resources ON DELETE CASCADE,
    partition BLOB NOT NULL,
    sort BLOB NOT NULL,
    version INTEGER NOT NULL,
    expires_ms INTEGER,
    item TEXT NOT NULL,       -- JSON
    UNIQUE (resource, partition, sort)
) STRICT;
CREATE INDEX items_by_expiry ON items (expires_ms) WHERE expires_ms IS NOT NULL;

-- Keys are bytes, since ranges of them end between texts.
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    resource INTEGER NOT NULL REFERENCES resources ON DELETE CASCADE,
    key BLOB NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    content_type TEXT NOT NULL,
    metadata TEXT NOT NULL,   -- JSON
    modified_ms INTEGER NOT NULL,
    file TEXT NOT NULL,
    UNIQUE (resource, key)
) STRICT;
CREATE INDEX objects_by_file ON objects (file);

CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    resource INTEGER NOT NULL REFERENCES resources ON DELETE CASCADE,
    key BLOB NOT NULL,
    options TEXT NOT NULL,    -- JSON
    started_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_by_key ON uploads (resource, key, started_ms);

CREATE TABLE parts (
    upload TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified_ms INTEGER NOT NULL,
    file TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) STRICT;
CREATE INDEX parts_by_file ON parts (file);

CREATE TABLE secrets (
    app INTEGER NOT NULL REFERENCES apps ON DELETE CASCADE,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (app, name)
) STRICT;
