--- Progress on a terminal: a line for each asset that is under way and one for each version, redrawn in place. It is
--- made from the events of marketplace.packages, and never goes to a log.
local core = require "marketplace.core"
local text = require "marketplace.text"
local times = require "marketplace.cli.support.times"

local progress = {}

local Progress = {}
Progress.__index = Progress

local REDRAW_SECONDS = 0.2
local WINDOW_SECONDS = 5 -- over which a rate is measured
local SAMPLE_SECONDS = 0.5
local COLUMNS = 79       -- a line must not wrap on a terminal of 80; a narrower one cuts it
local NO_WRAP, WRAP = "\27[?7l", "\27[?7h" -- a line that wraps would be two, of which one is erased
local SHOWN_OF_ID = 8    -- characters

--[[ What moves: a version, or one of its assets ]]

local function new_mover(name)
  return { name = name, bytes = 0, total = 0, samples = {} }
end

local function move(mover, bytes, total, now)
  mover.bytes, mover.total = bytes or mover.bytes, total or mover.total
  local samples = mover.samples
  local last = samples[#samples]
  if last and now - last.at < SAMPLE_SECONDS then return end
  samples[#samples + 1] = { at = now, bytes = mover.bytes }
  while samples[2] and now - samples[2].at >= WINDOW_SECONDS do table.remove(samples, 1) end
end

-- Bytes a second; nil until that can be said.
local function rate_of(mover, now)
  local first = mover.samples[1]
  if not first or now - first.at < SAMPLE_SECONDS then return nil end
  return math.max(0, (mover.bytes - first.bytes) / (now - first.at))
end

-- 100 only if it is complete.
local function per_cent(mover)
  if mover.total <= 0 then return 100 end
  return math.floor(100 * math.min(mover.bytes, mover.total) / mover.total)
end

local function line_of(mover, now)
  local rate = rate_of(mover, now)
  local left = rate and rate > 0 and times.length((mover.total - mover.bytes) / rate) .. " left" or ""
  local line = ("%-18s %7s of %7s %3d%%  %10s  %s"):format(mover.name, text.bytes(mover.bytes),
    text.bytes(mover.total), per_cent(mover), rate and text.bytes(rate) .. "/s" or "",
    left)
  return text.trim_end(text.safe(line):sub(1, COLUMNS))
end

local function named(kind, id)
  return kind .. " " .. id:sub(1, SHOWN_OF_ID)
end

--[[ Which ones there are ]]

local function index_of(list, id)
  for place, one in ipairs(list) do
    if one.id == id then return place end
  end
end

local function find(list, id, name, make)
  local place = index_of(list, id)
  if place then return list[place] end
  local found = make(name)
  found.id = id
  list[#list + 1] = found
  return found
end

local function forget(list, id)
  local place = index_of(list, id)
  if place then table.remove(list, place) end
end

-- Of the asset: its path is "variant/ID.ipa" or "delta/ID.ipa".
local function kind_of(event)
  return event.path:match "^[^/]*"
end

local function new_version(name)
  local version = new_mover(name)
  version.assets = {}
  return version
end

local ENDS_JOB = { job_done = true, job_failed = true, job_moved = true }

--- Takes an event of marketplace.packages, and redraws unless that has just been done.
---@param event table
function Progress:take(event)
  if not event.version then return end
  if ENDS_JOB[event.event] then
    forget(self.versions, event.version)
    return self:draw()
  end
  local now = core.monotonic()
  local version = find(self.versions, event.version, named("version", event.version), new_version)
  move(version, event.version_bytes, event.version_total, now)
  if event.event == "asset_done" then
    forget(version.assets, event.asset)
  elseif event.asset then
    move(find(version.assets, event.asset, named(kind_of(event), event.asset), new_mover), event.bytes, event.total,
      now)
  end
  if now >= self.redraw_at then self:draw() end
end

--- Removes the lines from the terminal, so that something else can be written.
function Progress:erase()
  if self.lines == 0 then return end
  self.write(("\27[%dA\27[J"):format(self.lines))
  self.lines = 0
end

--- Draws the lines anew.
function Progress:draw()
  self:erase()
  local now, lines = core.monotonic(), {}
  for _, version in ipairs(self.versions) do
    for _, asset in ipairs(version.assets) do lines[#lines + 1] = line_of(asset, now) .. "\n" end
    if version.total > 0 then lines[#lines + 1] = line_of(version, now) .. "\n" end
  end
  if #lines > 0 then self.write(NO_WRAP .. table.concat(lines) .. WRAP) end
  self.lines, self.redraw_at = #lines, now + REDRAW_SECONDS
end

--- Progress that draws with this function.
---@param write fun(bytes: string)
---@return table
function progress.new(write)
  return setmetatable({ write = write, versions = {}, lines = 0, redraw_at = 0 }, Progress)
end

return progress
