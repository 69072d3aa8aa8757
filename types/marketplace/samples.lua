---@meta marketplace.samples
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.samples
local samples = {}

--- What there is, in a fixed order.
---@return {event: string, generation: integer, type: string, meaning: string}[]
function samples.list() end

--- The body of a sample.
---@param name string an event's name or one of Apple's type names
---@param settings? table generation: 1 or 2, default 1 where the sample exists in both; id: letters, digits and "-",
--- default a random one, so that the receiver takes it for a new notification; time of the event in seconds since the
--- epoch, default now; what it is about, where the kind tells it: app_id, marketplace_app_id, package_id,
--- package_version_id, package_version, territories. Raises for values with other characters than letters, digits,
--- full stops, _ and -
---@return string|nil body nil where there is no such sample
function samples.body(name, settings) end

return samples
