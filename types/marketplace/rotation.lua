---@meta marketplace.rotation
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.rotation
local rotation = {}

---@class marketplace.rotation.run.Options
---@field apple table
---@field clock function
---@field files? table
---@field generation number
---@field grace? number
---@field inbox table
---@field probe? boolean
---@field random_hex function
---@field receiver table
---@field receiver_url? string
---@field retire_anyway? boolean
---@field say function
---@field secret_file string
---@field sleep function
---@field stop_asked? function
---@field wait? number
---@field webhooks table

--- Rotates, or goes on where an earlier run stopped.
---
--- Functions of the caller's that can fail return nil, a message and sometimes a code.
---@param given marketplace.rotation.run.Options
--- webhooks: list of ids, all those that use the secret; generation: 1 or 2; secret_file: its path, without symbolic
--- links, as the state is kept beside it; receiver_url: where the probe goes, default the webhooks' own URLs; probe:
--- default true; wait: seconds for a notification signed with the new secret to arrive, for each webhook, default 300;
--- grace: seconds without a notification signed with an old secret before the old ones end, default 60;
--- retire_anyway: end them though such a one came late;
--- apple: {url(id) -> string, set_secret(id, secret) -> true, each with code "missing" where there is no such webhook;
--- ping(id) -> true or no such function; delivered(id, since) -> list of ids of the notifications that App Store
--- Connect sent to a webhook, or no such function};
--- receiver: {reload() -> true or no such function, post(url, signature, body) -> status};
--- inbox: {verified(fingerprint, since) -> list of {id=, at=} of notifications that the secret of this fingerprint
--- verified and that were received since, at that time};
--- files: default marketplace.state_file's FILES;
--- clock(): seconds since the epoch; sleep(seconds); stop_asked() -> whether to stop, default never;
--- random_hex(bytes); say(step, text): a line a step, never a secret
---@return boolean|nil ok true: the new secret is the only one
---@return string? message what stands in the way, and what to do; running it again is always safe
---@return string? code rotation_pending (nothing has arrived yet, or an old secret is still used), rotation_invalid,
--- probe_failed, reload_failed, stopped, locked, and those of files and of the API
function rotation.run(given) end

--- Ends a rotation under way, where App Store Connect surely signs with the new secret for no webhook: the secret file
--- then holds the old ones only.
---@param given table see rotation.run
---@return boolean|nil ok
---@return string? message
---@return string? code
function rotation.abort(given) end

--- Whether a rotation could begin or go on: reads, and changes nothing.
---@param given table see rotation.run
---@return boolean|nil ok
---@return string? message
---@return string? code
function rotation.check(given) end

return rotation
