--- A marketplace's catalogue in SQLite: which package versions may be sold where.
---
--- Notifications come at least once, in any order. So each row keeps when the event happened, by Apple's clock, and the
--- latest event about a thing counts: one that comes twice, or after a later one, changes nothing, and no callback has
--- to know what came before.
local dbi = require "DBI"

local catalogue = {}

local Catalogue = {}
Catalogue.__index = Catalogue

-- A subject is an app, one of its packages or a package's version; territory "" is all of them.
local SCHEMA = {
  [[CREATE TABLE IF NOT EXISTS said (
      app_id TEXT NOT NULL, subject TEXT NOT NULL, territory TEXT NOT NULL, gone INTEGER NOT NULL, at REAL NOT NULL,
      PRIMARY KEY (app_id, subject, territory))]],
  [[CREATE TABLE IF NOT EXISTS versions (
      version_id TEXT PRIMARY KEY, app_id TEXT NOT NULL, package_id TEXT NOT NULL)]],
}

-- Of two events at the same time, "gone" counts: better not sold than wrongly sold.
local SAY = [[INSERT INTO said (app_id, subject, territory, gone, at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (app_id, subject, territory) DO UPDATE SET gone = excluded.gone, at = excluded.at
  WHERE excluded.at > said.at OR (excluded.at = said.at AND excluded.gone > said.gone)]]

local ADD_VERSION = [[INSERT INTO versions (version_id, app_id, package_id) VALUES (?, ?, ?)
  ON CONFLICT (version_id) DO NOTHING]]

-- What is gone everywhere may have come back in one territory since.
local SOLD = [[SELECT v.version_id, v.app_id FROM versions v WHERE NOT EXISTS (
    SELECT 1 FROM said gone WHERE gone.app_id = v.app_id AND gone.gone = 1 AND gone.territory IN ('', ?)
    AND gone.subject IN ('app', 'package ' || v.package_id) AND NOT EXISTS (
      SELECT 1 FROM said back WHERE back.app_id = gone.app_id AND back.subject = gone.subject AND back.territory = ?
      AND back.gone = 0 AND back.at > gone.at))
  ORDER BY v.app_id, v.version_id]]

local function run(self, statement, ...)
  local prepared = assert(self.link:prepare(statement))
  assert(prepared:execute(...))
  local rows = {}
  for row in prepared:rows(true) do
    local copy = {}
    for name, value in pairs(row) do copy[name] = value end
    rows[#rows + 1] = copy
  end
  prepared:close()
  return rows
end

-- All of an event or nothing of it: a callback that fails halfway runs again from its beginning.
local function transact(self, work)
  local ok, problem = pcall(work)
  if ok and self.link:commit() then return true end
  self.link:rollback()
  return nil, ok and "the catalogue could not be written" or tostring(problem)
end

--- A version can be sold, and with it its app.
---@param app_id string
---@param version_id string
---@param package_id string
---@param at number when Apple says that it happened, seconds since the epoch
---@return true|nil
---@return string? message
function Catalogue:add(app_id, version_id, package_id, at)
  return transact(self, function()
    run(self, ADD_VERSION, version_id, app_id, package_id)
    run(self, SAY, app_id, "app", "", 0, at)
    run(self, SAY, app_id, "package " .. package_id, "", 0, at)
  end)
end

--- An app, or some of its packages, is gone or back: in these territories, or everywhere.
---@param app_id string
---@param package_ids string[]|nil nil: the app
---@param territories string[]|nil nil: everywhere
---@param gone boolean
---@param at number
---@return true|nil
---@return string? message
function Catalogue:say(app_id, package_ids, territories, gone, at)
  local subjects = package_ids and {} or { "app" }
  for i, package_id in ipairs(package_ids or {}) do subjects[i] = "package " .. package_id end
  return transact(self, function()
    for _, subject in ipairs(subjects) do
      for _, territory in ipairs(territories or { "" }) do
        run(self, SAY, app_id, subject, territory, gone and 1 or 0, at)
      end
    end
  end)
end

--- What may be sold in a territory.
---@param territory string such as "FRA"
---@return table[] versions each {version_id=, app_id=}
function Catalogue:sold_in(territory)
  local versions = run(self, SOLD, territory, territory)
  self.link:rollback() -- ends the reading, which would keep the file's log from being cut
  return versions
end

function Catalogue:close()
  self.link:close()
end

--- Opens the file, or makes it.
---@param path string
---@return table catalogue
function catalogue.open(path)
  local link = assert(dbi.Connect("SQLite3", path))
  local self = setmetatable({ link = link }, Catalogue)
  link:autocommit(true)
  run(self, "PRAGMA busy_timeout = 5000")
  for _, statement in ipairs(SCHEMA) do run(self, statement) end
  link:autocommit(false)
  return self
end

return catalogue
