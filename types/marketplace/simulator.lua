---@meta marketplace.simulator
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.simulator
---@field APP string The id of a simulator's app, where nothing else is said.
---@field KEY_ID string The id of its key, where nothing else is said.
---@field ISSUER_ID string Its issuer id, where nothing else is said: Apple's example of one.
local simulator = {}

---@class marketplace.simulator.new.Options
---@field apps? table
---@field base_url? string
---@field clock? function
---@field date_header? boolean
---@field issuer_id? string
---@field keys? table
---@field log? function
---@field random? function
---@field rate_limit? number
---@field retry_after? table
---@field send? function
---@field skew? number
---@field strict_deliveries? boolean
---@field url_lifetime? number

--- A simulator.
---@param given marketplace.simulator.new.Options
--- keys: key id to public key, PEM, default one that it makes, see credentials; issuer_id: the team's; apps: list of
--- ids, the first is the marketplace's, default {"6740012345"}; send: function(request, done), which sends {method=,
--- url=, headers={lines}, body=, timeout=} and then calls done(response) with {status=, body=}, or done(nil, message),
--- default: nothing is sent; clock: seconds since the epoch, default the machine's; random: function(n), which gives n
--- bytes in hex; skew: seconds by which clocks may differ, default 2; rate_limit: requests in an hour, default 3500;
--- retry_after: list of seconds after which a failed delivery is repeated, default none; url_lifetime: seconds that
--- URLs of files are good for, default 3600; strict_deliveries: the list of deliveries wants its one filter, as
--- operators report, default false; base_url: default https://api.appstoreconnect.apple.com; date_header: give a Date,
--- by `clock`, default false; log: function(entry), default none
---@return marketplace.Simulator sim
function simulator.new(given) end

return simulator
