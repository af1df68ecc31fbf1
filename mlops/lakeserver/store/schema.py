"""The tables of a store, and the version of their form."""

# 2: nodes above a tree's leaves may be wider; trees of version 1 are rewritten when they are next changed.
FORMAT_VERSION = 2
UPGRADED_VERSIONS = (1,)
APPLICATION_ID = 0x6C616B65

TABLES = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE repositories (
    rid INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    default_branch TEXT NOT NULL,
    namespace TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}',
    protection TEXT NOT NULL DEFAULT '',
    gc_rules TEXT NOT NULL DEFAULT ''
);
CREATE TABLE namespaces (address TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE branches (
    rid INTEGER NOT NULL,
    id TEXT NOT NULL,
    commit_id BLOB NOT NULL,
    tree BLOB NOT NULL,
    token INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    PRIMARY KEY (rid, id)
) WITHOUT ROWID;

CREATE TABLE tags (
    rid INTEGER NOT NULL,
    id TEXT NOT NULL,
    commit_id BLOB NOT NULL,
    PRIMARY KEY (rid, id)
) WITHOUT ROWID;

CREATE TABLE commits (
    rid INTEGER NOT NULL,
    id BLOB NOT NULL,
    tree BLOB NOT NULL,
    parents BLOB NOT NULL,
    generation INTEGER NOT NULL,
    created_ns INTEGER NOT NULL,
    committer TEXT NOT NULL,
    message TEXT NOT NULL,
    metadata TEXT NOT NULL,
    PRIMARY KEY (rid, id)
) WITHOUT ROWID;
CREATE INDEX commits_by_tree ON commits (rid, tree);

-- What is not committed yet; a row without value is a deletion. `seq` grows with every write.
CREATE TABLE staging (
    token INTEGER NOT NULL,
    path BLOB NOT NULL,
    seq INTEGER NOT NULL,
    identity BLOB,
    value BLOB,
    PRIMARY KEY (token, path)
) WITHOUT ROWID;

CREATE TABLE nodes (id BLOB PRIMARY KEY, body BLOB NOT NULL);

-- `body` is NULL where the bytes are a file.
CREATE TABLE blobs (digest BLOB PRIMARY KEY, size INTEGER NOT NULL, body BLOB);

CREATE TABLE action_runs (
    rid INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    branch TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (rid, run_id)
) WITHOUT ROWID;
CREATE TABLE hook_runs (
    rid INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    hook_run_id TEXT NOT NULL,
    body TEXT NOT NULL,
    output BLOB,
    PRIMARY KEY (rid, run_id, hook_run_id)
) WITHOUT ROWID;

CREATE TABLE pulls (
    rid INTEGER NOT NULL,
    id TEXT NOT NULL,
    status TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (rid, id)
) WITHOUT ROWID;
"""
