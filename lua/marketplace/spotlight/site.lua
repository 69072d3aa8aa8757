--- The catalogue as files of a static site: FOLDER/sitemap.xml, FOLDER/apps/ID.html, perhaps further sitemaps there.
---
--- What was taken down goes first, from the pages and from the sitemaps: that needs next to no room on the disk, and
--- nothing of the operator's catalogue. Then come the pages, then the sitemaps that name them, last the one that Apple
--- is told. So whatever ends it on the way, each file is whole, and no sitemap names a page that is still to come. One
--- process at a time writes into a folder: one that began before a takedown could bring back what is gone.
local core = require "marketplace.core"
local listing = require "marketplace.spotlight.listing"
local page = require "marketplace.spotlight.page"
local sitemap = require "marketplace.spotlight.sitemap"

local site = {}

local LOCK = ".marketplace-spotlight.lock"
local PAGES = "apps"
local MARK_WITHIN = 200 -- bytes from the beginning of a file
local MOST_PENDING = 100 -- files that are written and not yet in their place

local Failure = {}

local function fail(message, code)
  error(setmetatable({ message = message, code = code }, Failure), 0)
end

local function checked(result, message, code)
  if result == nil then fail(message, code) end
  return result
end

--[[ Files ]]

local function read_beginning(path)
  local file, message = io.open(path, "rb")
  if not file then fail(message, "file_failed") end
  local bytes = file:read(MARK_WITHIN) or ""
  file:close()
  return bytes
end

local function is_ours(path)
  return read_beginning(path):find(sitemap.MARK, 1, true) ~= nil
end

local function fill(path, bytes)
  local file, message = io.open(path, "wb")
  if not file then return nil, message end
  local written, problem = file:write(bytes)
  local closed, its_problem = file:close()
  if written and closed then return true end
  return nil, ("%s: %s"):format(path, problem or its_problem)
end

local function temporary_name(folder, name)
  return ("%s/.%s.%s.tmp"):format(folder, name, core.random_hex(8))
end

local OTHERS, READ = 8, 4 -- of the permission bits

-- The mode of new files is as the umask of this process has it.
local function find_mode(self)
  local temporary = temporary_name(self.folder, sitemap.ROOT)
  local ok, message = fill(temporary, "")
  if not ok then fail(message, "file_failed") end
  self.mode = checked(core.stat(temporary)).mode
  os.remove(temporary)
  if self.mode % OTHERS >= READ then return end
  self.spotlight.log.write {
    level = "warning", message = "advice", at = core.now(),
    reason = ("only its owner and group can read what is written into %s: if the web server runs as somebody else, " ..
      "use umask 022"):format(self.folder),
  }
end

local function replace(self, path, bytes)
  local folder, name = path:match "^(.*)/([^/]*)$"
  local temporary = temporary_name(folder, name)
  self.pending[#self.pending + 1] = { from = temporary, to = path, folder = folder }
  local ok, message = fill(temporary, bytes)
  if not ok then fail(message, "file_failed") end
end

-- Gives what was written its place, in that order, once all of it is on the disk: to sync many files together takes the
-- disk little longer than to sync one. Until then they take room of their own.
local function put_in_place(self)
  local folders = {}
  for _, file in ipairs(self.pending) do checked(self.io.sync(file.from)) end
  for _, file in ipairs(self.pending) do
    local ok, message = os.rename(file.from, file.to)
    if not ok then fail(message, "file_failed") end
    folders[file.folder] = true
  end
  for folder in pairs(folders) do checked(self.io.sync(folder)) end
  self.pending = {}
end

-- Left alone if it is the same: to replace a file takes the disk far longer than to read it.
local function write(self, name, bytes)
  local path = ("%s/%s"):format(self.folder, name)
  self.names[name] = true
  local found = core.stat(path)
  if found and not is_ours(path) then
    fail(("%s is not a file that this makes: move it away, or choose another folder"):format(path), "file_exists")
  end
  if found and found.mode == self.mode and core.read_file(path) == bytes then
    local count = self.shortened[name] and "written" or "unchanged"
    self[count] = self[count] + 1
    return
  end
  replace(self, path, bytes)
  self.written = self.written + 1
  if #self.pending == MOST_PENDING then put_in_place(self) end
end

local function remove(self, path)
  local ok, message = os.remove(path)
  if not ok then fail(message, "file_failed") end
  self.removed = self.removed + 1
end

local TEMPORARY = ("^%%..+%%.%s%%.tmp$"):format(("%x"):rep(16))

local function remove_leftovers(folder, entries)
  for _, found in ipairs(entries) do
    if found.name:find(TEMPORARY) then os.remove(("%s/%s"):format(folder, found.name)) end
  end
end

local function is_made_here(found)
  return found.type == "file" and (found.name:find "^%d+%.html$" or found.name:find "^sitemap%-%d+%-%d+%.xml$")
end

-- Removes what is made here and is not to stay.
local function tidy(self, stays)
  local folder = ("%s/%s"):format(self.folder, PAGES)
  local entries = checked(self.io.list(folder))
  remove_leftovers(folder, entries)
  for _, found in ipairs(entries) do
    local path = ("%s/%s"):format(folder, found.name)
    if is_made_here(found) and not stays(found.name) and is_ours(path) then remove(self, path) end
  end
end

--[[ Steps ]]

local function shorten(self, name, offered)
  local path = ("%s/%s"):format(self.folder, name)
  if not (core.stat(path) and is_ours(path)) then return end
  local bytes = checked(core.read_file(path))
  local kept = bytes:gsub(self.line, function(item_id) return not offered[item_id] and "" or nil end)
  if kept == bytes then return end
  replace(self, path, kept)
  put_in_place(self)
  self.shortened[name] = true
end

local function remove_taken_down(self)
  local offered, first = {}, nil
  repeat
    local read = checked(self.spotlight.packages:catalogue { territories = self.spotlight.territories, first = first })
    for _, app in ipairs(read.apps) do offered[app.item_id] = true end
    first = read.following
  until not first
  tidy(self, function(name) return offered[name:match "^(%d+)%.html$"] or name:find "xml$" end)
  shorten(self, sitemap.ROOT, offered)
  for _, found in ipairs(checked(self.io.list(("%s/%s"):format(self.folder, PAGES)))) do
    if found.name:find "^sitemap%-" then shorten(self, ("%s/%s"):format(PAGES, found.name), offered) end
  end
end

local function write_page(self, app)
  if app.entry.page then return end
  write(self, listing.page_name(app.item_id), page.html(app))
end

-- The pages of some apps and, unless these are all that there are, their sitemap.
local function write_apps(self, read)
  for _, app in ipairs(read.apps) do write_page(self, app) end
  self.apps = self.apps + #read.apps
  local bytes = sitemap.of_pages(read.apps)
  if not read.following and #self.sitemaps == 0 then return bytes end
  local name = sitemap.name(read)
  write(self, name, bytes)
  self.sitemaps[#self.sitemaps + 1] = name
end

local function write_all(self, versions)
  local first, only
  find_mode(self)
  repeat
    local read = checked(listing.read(self.spotlight, { first = first, limit = sitemap.MOST, versions = versions }))
    only = write_apps(self, read)
    put_in_place(self)
    first = read.following
  until not first
  write(self, sitemap.ROOT, only or sitemap.of_sitemaps(self.spotlight.base, self.sitemaps))
  put_in_place(self)
end

local function run(self, versions)
  remove_leftovers(self.folder, checked(self.io.list(self.folder)))
  remove_taken_down(self)
  write_all(self, versions)
  remove_taken_down(self) -- meanwhile: to write it all may take minutes
  tidy(self, function(name) return self.names[("%s/%s"):format(PAGES, name)] end)
  return { apps = self.apps, written = self.written, unchanged = self.unchanged, removed = self.removed }
end

local function remove_pending(self)
  for _, file in ipairs(self.pending) do os.remove(file.from) end
end

local function locked(self, versions)
  local path = ("%s/%s"):format(self.folder, LOCK)
  local lock, message, code = core.lock_file(path)
  if code == "locked" then message = "another process writes there: " .. self.folder end
  if not lock then return nil, message, code end
  local is_done, outcome = pcall(run, self, versions)
  remove_pending(self)
  os.remove(path)
  lock:close()
  if is_done then return outcome end
  if getmetatable(outcome) ~= Failure then error(outcome, 0) end
  return nil, outcome.message, outcome.code
end

--- See Spotlight:write.
---@param spotlight marketplace.Spotlight
---@param folder string
---@param versions integer of an app at most
---@return table|nil outcome
---@return string? message
---@return string? code
function site.write(spotlight, folder, versions)
  local io_of_packages = require "marketplace.package_io"
  local ok, message = io_of_packages.make_folders(("%s/%s"):format(folder, PAGES), 493) -- 0755
  if not ok then return nil, message, "file_failed" end
  local self = {
    spotlight = spotlight, folder = folder, io = io_of_packages, names = {}, sitemaps = {}, pending = {},
    line = sitemap.line(spotlight.base), shortened = {}, apps = 0, written = 0, unchanged = 0, removed = 0,
  }
  return locked(self, versions)
end

return site
