--- What a browser loads beside a page. The name has a digest of what is in it, so that a browser can keep it for ever.
local core = require "marketplace.core"

local assets = {}

local LIST = {
  { name = "style.css", type = "text/css; charset=utf-8", modules = { "style", "style_views" } },
  { name = "script.js", type = "text/javascript; charset=utf-8", modules = { "script" } },
  { name = "icon.svg", type = "image/svg+xml", modules = { "icon" } },
}
local DIGITS = 16 -- of the digest

local by_name, by_path = {}, {}
for _, asset in ipairs(LIST) do
  local parts = {}
  for i, module in ipairs(asset.modules) do parts[i] = require("marketplace.dashboard." .. module) end
  asset.body = table.concat(parts)
  local digest = core.sha256(asset.body):sub(1, DIGITS)
  asset.path = "/assets/" .. asset.name:gsub("%.", "-" .. digest .. ".")
  by_name[asset.name], by_path[asset.path] = asset, asset
end

--- Where it is, within the dashboard.
---@param name string "style.css", "script.js", "icon.svg"
---@return string
function assets.path(name)
  return by_name[name].path
end

--- The one at a path.
---@param path string
---@return {type: string, body: string}|nil
function assets.find(path)
  return by_path[path]
end

return assets
