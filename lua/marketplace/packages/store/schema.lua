--- The tables of the store of packages.
---
--- `versions` has what is known of a package version (its id), from when its files are first wanted. `state` is
--- "staged": its files are being brought to staging; "published": they are in public; "withdrawn": they were complete,
--- and are not to be served; "collected": they are gone. `why` says why it is withdrawn or collected: "unavailable" (an
--- event of Apple's), "held" (by the operator), "no_keys" (key blobs are missing), "replaced" (by another revision),
--- "superseded" (Apple had replaced it before it was published), "missing" or "damaged" (its folder was found so).
--- `ordinal` is the order in which Apple's word made them the one to be served. `replaced_at` is when another one took
--- its place.
---
--- `current` has the version to be served for each version of an app: of those that are published, the last by
--- `ordinal`.
---
--- `availability` has the newest event about each scope ("app", "package", "version", and "folder": see
--- marketplace.packages.store.availability), id and territory, "*" being all that are not named.
local schema = {}

--- In the file's header, "MKTp".
schema.APPLICATION_ID = 0x4d4b5470

--- Another one for each change of the tables; in the file's header, in the lowest byte of the user version.
schema.VERSION = 1

local STATEMENTS = {
  [[CREATE TABLE jobs (id INTEGER PRIMARY KEY, version TEXT UNIQUE, package TEXT, app TEXT, at REAL,
    since REAL NOT NULL, state TEXT NOT NULL, due REAL NOT NULL, set_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, code TEXT, message TEXT, ended_at REAL)]],
  "CREATE UNIQUE INDEX jobs_package ON jobs (package) WHERE version IS NULL",
  [[CREATE TABLE versions (id TEXT PRIMARY KEY, package TEXT, app TEXT, item_id TEXT NOT NULL,
    apple_version_id TEXT NOT NULL, revision INTEGER NOT NULL, bundle_id TEXT NOT NULL, version TEXT NOT NULL,
    build TEXT NOT NULL, platforms TEXT NOT NULL, minimum_systems TEXT NOT NULL, capabilities TEXT NOT NULL,
    bytes INTEGER NOT NULL, state TEXT NOT NULL, why TEXT, ordinal INTEGER, manifest_sha256 TEXT,
    signature_sha256 TEXT, staged_at REAL NOT NULL, published_at REAL, replaced_at REAL, withdrawn_at REAL)]],
  "CREATE INDEX versions_app ON versions (app)",
  "CREATE INDEX versions_item ON versions (item_id, apple_version_id)",
  "CREATE INDEX versions_package ON versions (package)",
  [[CREATE TABLE assets (version TEXT NOT NULL, public_id TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL,
    path TEXT NOT NULL, size INTEGER NOT NULL, chunk_size INTEGER, proof TEXT, etag TEXT, checksum TEXT, sha256 TEXT,
    PRIMARY KEY (version, public_id)) WITHOUT ROWID]],
  "CREATE INDEX assets_public_id ON assets (public_id)",
  [[CREATE TABLE current (item_id TEXT NOT NULL, apple_version_id TEXT NOT NULL, version TEXT NOT NULL,
    since REAL NOT NULL, PRIMARY KEY (item_id, apple_version_id)) WITHOUT ROWID]],
  [[CREATE TABLE availability (scope TEXT NOT NULL, id TEXT NOT NULL, territory TEXT NOT NULL,
    available INTEGER NOT NULL, at REAL NOT NULL, event TEXT, recorded_at REAL NOT NULL,
    PRIMARY KEY (scope, id, territory)) WITHOUT ROWID]],
  [[CREATE TABLE holds (scope TEXT NOT NULL, id TEXT NOT NULL, reason TEXT, since REAL NOT NULL,
    PRIMARY KEY (scope, id)) WITHOUT ROWID]],
}

--- Makes the tables, in a transaction of the caller's.
---@param run fun(statement: string, values?: table): table[]
function schema.make(run)
  for _, statement in ipairs(STATEMENTS) do run(statement) end
  run("PRAGMA application_id = " .. schema.APPLICATION_ID)
  run("PRAGMA user_version = " .. schema.VERSION)
end

return schema
