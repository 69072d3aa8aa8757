--- Where the files of package versions lie:
---
---     public/<app's id>/<app version's id>/<version>/    what is served: manifest.json, signature, variant/, delta/
---     staging/<version>/                                 the same while it is being made
---     withdrawn/<version>/                               what was complete, and is not to be served
---     withdrawn/<version>~<hex>/                         what nobody will use any more
---     state/                                             the store, the key blobs, the writer's lock
local core = require "marketplace.core"

local folder = {}

---@class marketplace.packages.Folder
---@field root string absolute path
---@field io table marketplace.package_io
local Folder = {}
Folder.__index = Folder

--[[ Paths ]]

--- The path of a file of the state's.
---@param name string
---@return string
function Folder:state(name) return ("%s/state/%s"):format(self.root, name) end

--- Where a version is served from, below the web root.
---@param version {id: string, item_id: string, apple_version_id: string}
---@return string without a slash at either end
function folder.below_public(version)
  return ("%s/%s/%s"):format(version.item_id, version.apple_version_id, version.id)
end

--- Where a version is served from, if it is.
---@param version {id: string, item_id: string, apple_version_id: string}
---@return string
function Folder:public(version)
  return ("%s/public/%s"):format(self.root, folder.below_public(version))
end

--- Where a version is made.
---@param id string
---@return string
function Folder:staging(id) return ("%s/staging/%s"):format(self.root, id) end

--- Where a version is kept that is not to be served.
---@param id string
---@return string
function Folder:withdrawn(id) return ("%s/withdrawn/%s"):format(self.root, id) end

--- A path, which nothing has yet, for what nobody will use any more.
---@param id string
---@return string
function Folder:discarded(id) return ("%s/withdrawn/%s~%s"):format(self.root, id, core.random_hex(8)) end

--- Where the files of a version are, as its state has it.
---@param version marketplace.packages.Version
---@return string
function Folder:place(version)
  if version.state == "published" then return self:public(version) end
  return version.state == "staged" and self:staging(version.id) or self:withdrawn(version.id)
end

--[[ Files ]]

--- Whether a folder is there.
---@param path string
---@return boolean
function folder.exists(path)
  local found = core.stat(path)
  return found ~= nil and found.type == "folder"
end

-- The first is the reason for which what is above them is open to the web server.
local PLACES = { { "public", 493 }, { "staging", 493 }, { "withdrawn", 493 }, { "state", 448 } } -- 0755, and 0700

-- Packages move between these by renames, which cannot leave a file system: a takedown could not be carried out.
local function check_file_systems(self)
  local public = core.stat(self.root .. "/public")
  for _, name in ipairs { "staging", "withdrawn" } do
    local place = core.stat(("%s/%s"):format(self.root, name))
    if public and place and place.device ~= public.device then
      return nil, ("%s/%s is on another file system than %s/public: packages move between them: put both on one")
        :format(self.root, name, self.root), "file_failed"
    end
  end
  return true
end

--- Makes what is missing of the places above.
---@return true|nil
---@return string? message
---@return string? code file_failed, also if they are on several file systems
function Folder:make()
  for _, place in ipairs(PLACES) do
    local ok, message, code = self.io.make_folders(("%s/%s"):format(self.root, place[1]), place[2])
    if not ok then return nil, message, code end
  end
  return check_file_systems(self)
end

--[[ Moves, each of which is on the disk once it returns ]]

--- Moves what is at a path to where nobody will use it any more.
---@param id string of the version
---@param path string
---@return true|nil
---@return string? message
---@return string? code
function Folder:discard(id, path)
  if not folder.exists(path) then return true end
  return self.io.rename(path, self:discarded(id))
end

--- Has a version served.
---@param version marketplace.packages.Version
---@param from string where it is
---@return true|nil
---@return string? message
---@return string? code
function Folder:expose(version, from)
  local to = self:public(version)
  local ok, message, code = self.io.make_folders(to:match "^(.*)/", 493)
  if not ok then return nil, message, code end
  return self.io.rename(from, to)
end

--- Keeps a version for later, in place of what may have been kept of it before.
---@param version marketplace.packages.Version
---@param from string where it is
---@return true|nil
---@return string? message
---@return string? code
function Folder:keep(version, from)
  local to = self:withdrawn(version.id)
  local ok, message, code = self:discard(version.id, to)
  if not ok then return nil, message, code end
  return self.io.rename(from, to)
end

--- The folder at a path.
---@param root string which need not be there
---@param io? table marketplace.package_io; without it, only paths are told
---@return marketplace.packages.Folder
function folder.new(root, io)
  if root:sub(1, 1) ~= "/" then root = ("%s/%s"):format(core.real_path ".", root) end
  return setmetatable({ root = (root:gsub("(.)/+$", "%1")), io = io }, Folder)
end

return folder
