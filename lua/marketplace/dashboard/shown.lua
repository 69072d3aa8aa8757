--- How views show what they have: times, counts, states, tables.
local core = require "marketplace.core"
local h = require "marketplace.dashboard.html"

local shown = {}

--[[ Numbers and times ]]

--- A count with its thousands apart: "12,345".
---@param count integer
---@param more? boolean whether there are more: "10,000+"
---@return string
function shown.count(count, more)
  local digits = ("%.0f"):format(count)
  local grouped = digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return grouped .. (more and "+" or "")
end

local FEW = 10
local UNITS = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } }

--- A length of time, in its largest unit, and the next one if there are few of that: "2 h 5 min", "43 min".
---@param seconds number
---@return string
function shown.duration(seconds)
  seconds = math.max(0, math.floor(seconds))
  for i, unit in ipairs(UNITS) do
    if seconds >= unit[1] then
      local count, next_unit = math.floor(seconds / unit[1]), UNITS[i + 1]
      local rest = next_unit and count < FEW and math.floor(seconds % unit[1] / next_unit[1]) or 0
      local first = ("%d %s"):format(count, unit[2])
      return rest > 0 and ("%s %d %s"):format(first, rest, next_unit[2]) or first
    end
  end
  return "0 s"
end

local function iso(seconds)
  return core.format_time(seconds)
end

--- A time: "2026-01-31 12:00:00", of UTC as everywhere.
---@param seconds number|nil since the epoch
---@return any node a dash without a time
function shown.time(seconds)
  if not seconds then return "–" end
  local stamp = iso(seconds)
  return h.time { datetime = stamp, title = stamp, (stamp:gsub("T", " "):gsub("%.%d+Z$", ""):gsub("Z$", "")) }
end

--- How long ago a time is, or in how long it will be; the time itself is its title.
---@param seconds number|nil since the epoch
---@param now number
---@return any node a dash without a time
function shown.ago(seconds, now)
  if not seconds then return "–" end
  local age = now - seconds
  local words = age >= 1 and shown.duration(age) .. " ago" or age <= -1 and "in " .. shown.duration(-age) or "now"
  return h.time { datetime = iso(seconds), title = iso(seconds), words }
end

--- A time, and how long ago that is.
---@param seconds number|nil since the epoch
---@param now number
---@return any node nil without a time
function shown.time_and_age(seconds, now)
  return seconds and { shown.time(seconds), " (", shown.ago(seconds, now), ")" } or nil
end

--[[ Words ]]

local KINDS = {
  ready = "waits", leased = "runs", done = "good", dead = "bad", ok = "good", warning = "warning", problem = "bad",
}

--- A word in the colour of what it means.
---@param kind string a state, or "ok", "warning", "problem", "quiet"
---@param words? string default the state itself
---@return any node
function shown.badge(kind, words)
  return h.span { class = "badge " .. (KINDS[kind] or "quiet"), words or kind }
end

--- An entry's state with, if it is dead, its code.
---@param entry table of the inbox
---@return any node
function shown.state(entry)
  return { shown.badge(entry.state), entry.code and { " ", h.code { class = "reason", entry.code } } }
end

--- Something short that is copied rather than read, such as an id.
---@param value any nil: a dash
---@return any node
function shown.code(value)
  if value == nil or value == "" then return "–" end
  return h.code { value }
end

--[[ Blocks ]]

--- A table; on a narrow screen each row is a card, with the headings beside the values.
---@param columns {[1]: string, [2]: (fun(row: table): any), class?: string}[] heading, what stands in the column;
--- class: "number"
---@param rows table[]
---@param caption string says what it is, to who does not see it
---@return any node
function shown.table(columns, rows, caption)
  local heads, lines = {}, {}
  for i, column in ipairs(columns) do heads[i] = h.th { scope = "col", class = column.class, column[1] } end
  for i, row in ipairs(rows) do
    local cells = {}
    for place, column in ipairs(columns) do
      local value = column[2](row)
      local is_empty = value == nil or value == false or value == ""
      cells[place] = h.td {
        class = column.class, ["data-label"] = column[1], ["data-empty"] = is_empty,
        h.div { is_empty and "–" or value },
      }
    end
    lines[i] = h.tr { ["data-key"] = row.id, cells }
  end
  return h.div { class = "scroll", h.table {
    h.caption { class = "hidden", caption }, h.thead { h.tr { heads } }, h.tbody { lines },
  } }
end

--- Names and what they are.
---@param list table[] each {name, value}; those without a value are left out
---@return any node
function shown.fields(list)
  local items = {}
  for _, field in ipairs(list) do
    if field[2] ~= nil and field[2] ~= false and field[2] ~= "" then
      items[#items + 1] = h.div { h.dt { field[1] }, h.dd { field[2] } }
    end
  end
  return h.dl { class = "fields", items }
end

--- A number with what it counts.
---@param label string
---@param value any
---@param more? {kind?: string, note?: any, address?: string} kind: as of `badge`, for its colour; address: where the
--- number leads
---@return any node
function shown.figure(label, value, more)
  more = more or {}
  local number = h.span { class = "value", value }
  return h.div {
    class = "figure " .. (KINDS[more.kind] or ""), h.dt { label },
    h.dd { more.address and h.a { href = more.address, number } or number },
    more.note and h.dd { class = "note", more.note },
  }
end

--- That there is nothing, and why that may be.
---@param words any
---@return any node
function shown.nothing(words)
  return h.p { class = "nothing", words }
end

--- What is wrong, and what to do.
---@param title string
---@param words any
---@return any node
function shown.problem(title, words)
  return h.div { class = "problem-box", role = "alert", h.h2 { title }, h.p { words } }
end

return shown
