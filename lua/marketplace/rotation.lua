--- Rotates the secret of webhooks without losing a notification, and so that it can be stopped at any point, also by
--- kill -9, and run again.
---
---   1. begin    a new secret, in a state file beside the secret file
---   2. accept   the secret file holds the new one and the old ones; the receiver rereads it
---   3. probe    a ping that is signed with the new secret is posted to the receiver, which must take it
---   4. change   App Store Connect is given the new secret
---   5. verify   a notification arrives that App Store Connect signed with it (generation 2 is asked for a ping)
---   6. retire   the secret file holds the new one only; the receiver rereads it; the state file goes
---
--- From step 2 until the last webhook is verified the receiver accepts both, so whichever of them App Store Connect
--- uses is in the secret file. Every step can be done twice. All webhooks that use the old secrets must be named, as
--- these end with step 6.
---
--- What touches the outside is given by the caller, see `rotation.run`.
local json = require "marketplace.json"
local options = require "marketplace.options"
local samples = require "marketplace.samples"
local secret_file = require "marketplace.secret_file"
local signature = require "marketplace.signature"

local rotation = {}

local SECRET_BYTES = 32
local PROBE_SECONDS = 10   -- a reload is asynchronous: how long the receiver has for it
local PROBE_PAUSE = 0.5
local SETTLE_SECONDS = 3   -- for the reload, where no probe tells when it is through
local POLL_PAUSE = 1
local CLOCKS_APART = 60    -- seconds that the inbox's clock may be behind this one
local NOTHING_IS_LOST = "The receiver accepts the old secret and the new one meanwhile, so nothing is lost. " ..
  "Run the same command again"

local function hint(message, more)
  return ("%s. %s%s."):format(message, NOTHING_IS_LOST, more or "")
end

--[[ The state file ]]

local function save(self)
  return self.files.replace(self.state_path, json.encode(self.state) .. "\n")
end

local STEPS = { waiting = true, changed = true, verified = true }

local function are_webhooks(list)
  if type(list) ~= "table" or #list == 0 then return false end
  for _, hook in ipairs(list) do
    if type(hook) ~= "table" or type(hook.id) ~= "string" or not STEPS[hook.step] then return false end
  end
  return true
end

local function is_state(state)
  return type(state) == "table" and type(state.generation) == "number" and type(state.secret) == "string"
    and state.secret:find("^%x+$") and #state.secret == 2 * SECRET_BYTES and type(state.probe) == "string"
    and type(state.started_at) == "number" and type(state.seen) == "table" and are_webhooks(state.webhooks)
end

local function name_of(generation, ids)
  return ("%s (generation %d)"):format(table.concat(ids, ", "), generation)
end

local function ids_of(state)
  local ids = {}
  for i, hook in ipairs(state.webhooks) do ids[i] = hook.id end
  return ids
end

-- The state of a rotation under way; false where there is none.
local function read_state(self)
  local bytes, message, code = self.files.read(self.state_path)
  if not bytes and code == "missing" then return false end
  if not bytes then return nil, message, code end
  local state = json.decode(bytes)
  if not is_state(state) then
    return nil, "this is not the state of a rotation: " .. self.state_path, "rotation_invalid"
  end
  local theirs, ours = name_of(state.generation, ids_of(state)), name_of(self.generation, self.webhooks)
  if theirs ~= ours then
    return nil, ("a rotation of webhook %s is under way: finish that one first (its state: %s)"):format(theirs,
      self.state_path), "rotation_invalid"
  end
  return state
end

local function new_state(self)
  local state = {
    generation = self.generation, secret = self.random_hex(SECRET_BYTES), probe = self.random_hex(16),
    started_at = self.clock(), seen = json.list {}, webhooks = {},
  }
  for i, id in ipairs(self.webhooks) do state.webhooks[i] = { id = id, step = "waiting" } end
  return state
end

--[[ The secret file ]]

local function read_secrets(self)
  local bytes, message, code = self.files.read(self.path)
  if not bytes then return nil, "the secret file cannot be read: " .. message, code end
  return secret_file.parse(bytes, self.path)
end

local function holds(list, secret)
  for _, one in ipairs(list) do
    if one == secret then return true end
  end
  return false
end

local function room_problem(self, list)
  if #list < secret_file.MOST then return nil end
  return ("the secret file holds %d secrets already, and there is no room for another: %s"):format(#list, self.path)
end

--[[ The steps: each gives true, or nil, a message and a code ]]

local function begin(self)
  local list, message, code = read_secrets(self)
  if not list then return nil, message, code or "file_failed" end
  local problem = room_problem(self, list)
  if problem then return nil, problem, "file_failed" end
  self.state = new_state(self)
  local ok
  ok, message, code = self.files.replace(self.state_path, json.encode(self.state) .. "\n", "new")
  if not ok then return nil, "a state file cannot be made: " .. message, code end
  self.say("begin", ("a new secret is in %s"):format(self.state_path))
  return true
end

local function reload(self)
  if not self.receiver.reload then
    self.say("reload", "nothing tells the receiver to reread the secret file: it must do so by itself")
    return true
  end
  local ok, message = self.receiver.reload()
  if not ok then
    return nil, hint("the receiver could not be told to reread the secret file: " .. message), "reload_failed"
  end
  self.say("reload", "the receiver was told to reread the secret file")
  return true
end

local function accept(self)
  local list, message = read_secrets(self)
  if not list then
    return nil, ("%s. Put the old secret back; the new one is in %s"):format(message, self.state_path), "file_failed"
  end
  if not holds(list, self.state.secret) then
    local problem = room_problem(self, list)
    if problem then return nil, problem, "file_failed" end
    table.insert(list, 1, self.state.secret)
    local ok, write_message, code = self.files.replace(self.path, secret_file.text(list))
    if not ok then return nil, "the secret file cannot be written: " .. write_message, code end
  end
  self.say("accept", ("the secret file holds the new secret and %d older"):format(#list - 1))
  return reload(self)
end

-- The same bytes each time: a receiver takes a repeated probe for a duplicate.
local function probe_body(self)
  return assert(samples.body("ping", { id = self.state.probe, time = self.state.started_at }))
end

local function probe_url(self, url)
  local body = probe_body(self)
  local header = assert(signature.sign(self.state.secret, body))
  local deadline = self.clock() + PROBE_SECONDS
  while true do
    local status, message = self.receiver.post(url, header, body)
    if status == 200 then
      self.say("probe", "the receiver takes what is signed with the new secret: " .. url)
      return true
    end
    if self.clock() >= deadline then
      return nil, ("the receiver at %s has not taken the new secret (%s), so nothing was changed at App Store " ..
        "Connect. Mend that, and run the same command again"):format(url,
        status and "it answers " .. tostring(status) or message), "probe_failed"
    end
    self.sleep(PROBE_PAUSE)
  end
end

local function probe(self)
  if not self.probe then
    self.sleep(SETTLE_SECONDS)
    self.say("probe", "not wanted: whether the receiver takes the new secret is not known")
    return true
  end
  for _, url in ipairs(self.urls) do
    local ok, message, code = probe_url(self, url)
    if not ok then return nil, message, code end
  end
  return true
end

local function advance(self, hook, step)
  hook.step = step
  return save(self)
end

-- From when on notifications can have been signed with the new secret: kept before App Store Connect gets it.
local function note_change(self)
  if self.state.changing_at then return true end
  self.state.changing_at = self.clock()
  return save(self)
end

local function change(self, hook)
  local ok, message, code = note_change(self)
  if not ok then return nil, hint(message), code end
  ok, message, code = self.apple.set_secret(hook.id, self.state.secret)
  if not ok then
    return nil, hint(("whether webhook %s has the new secret is not known: %s"):format(hook.id, message)), code
  end
  ok, message, code = advance(self, hook, "changed")
  if not ok then return nil, hint(message), code end
  self.say("change", ("App Store Connect has the new secret for webhook %s"):format(hook.id))
  return true
end

-- The id of a notification that was signed with the new secret, is not the probe and proved nothing yet; false where
-- there is none.
local function find_proof(self)
  local ids, message = self.inbox.verified(self.state.secret, self.state.changing_at - CLOCKS_APART)
  if not ids then return nil, message end
  for _, id in ipairs(ids) do
    if id ~= self.state.probe and not holds(self.state.seen, id) then return id end
  end
  return false
end

local function accept_proof(self, hook, id)
  self.state.seen[#self.state.seen + 1] = id
  local ok, message, code = advance(self, hook, "verified")
  if not ok then return nil, hint(message), code end
  self.say("verify", ("webhook %s: notification %s is signed with the new secret"):format(hook.id, id))
  return true
end

local function ping(self, hook)
  if not self.apple.ping then
    self.say("verify", ("webhook %s: waiting for its next notification"):format(hook.id))
    return true
  end
  local ok, message, code = self.apple.ping(hook.id)
  if not ok then return nil, hint(("webhook %s: no ping: %s"):format(hook.id, message)), code end
  self.say("verify", ("webhook %s: App Store Connect was asked for a ping"):format(hook.id))
  return true
end

local function no_proof(self, hook, problem)
  local more = not self.apple.ping and " when a notification has arrived (generation 1 has no ping)" or nil
  local message = ("webhook %s: within %d seconds no notification arrived that is signed with the new secret"):format(
    hook.id, self.wait)
  if problem then message = message .. " (the inbox: " .. problem .. ")" end
  return nil, hint(message, more), "rotation_pending"
end

local function verify(self, hook)
  local id, problem = find_proof(self)
  if not id then
    local ok, message, code = ping(self, hook)
    if not ok then return nil, message, code end
  end
  local deadline = self.clock() + self.wait
  while not id do
    if self.clock() >= deadline then return no_proof(self, hook, problem) end
    self.sleep(POLL_PAUSE)
    id, problem = find_proof(self)
  end
  return accept_proof(self, hook, id)
end

local function change_all(self)
  for _, hook in ipairs(self.state.webhooks) do
    if hook.step == "waiting" then
      local ok, message, code = change(self, hook)
      if not ok then return nil, message, code end
    end
    if hook.step == "changed" then
      local ok, message, code = verify(self, hook)
      if not ok then return nil, message, code end
    end
  end
  return true
end

local function retire(self)
  local ok, message, code = self.files.replace(self.path, secret_file.text { self.state.secret })
  if not ok then return nil, hint(message), code end
  self.say("retire", "the secret file holds the new secret only")
  ok, message, code = reload(self)
  if not ok then return nil, message, code end
  ok, message = self.files.remove(self.state_path)
  if not ok then
    return nil, ("the rotation is through, but its state file cannot be removed: %s"):format(message), "file_failed"
  end
  self.say("done", "the rotation is through")
  return true
end

--[[ All of it ]]

local function is_verified(state)
  for _, hook in ipairs(state.webhooks) do
    if hook.step ~= "verified" then return false end
  end
  return true
end

-- Asks for each webhook, which also shows that the credentials work and that it exists. Its URL is probed once.
local function find_urls(self)
  self.urls = { self.receiver_url }
  for _, id in ipairs(self.webhooks) do
    local url, message, code = self.apple.url(id)
    if not url then return nil, ("webhook %s: %s"):format(id, message), code end
    if not self.receiver_url and not holds(self.urls, url) then self.urls[#self.urls + 1] = url end
  end
  return true
end

local function in_order(self, steps)
  for _, step in ipairs(steps) do
    local ok, message, code = step(self)
    if not ok then return nil, message, code end
  end
  return true
end

local function rotate(self)
  local state, message, code = read_state(self)
  if state == nil then return nil, message, code end
  if not state then return in_order(self, { find_urls, begin, accept, probe, change_all, retire }) end
  self.state = state
  state.seen = json.list(state.seen)
  self.say("resume", "a rotation that began before goes on")
  if is_verified(state) then return retire(self) end
  return in_order(self, { find_urls, accept, probe, change_all, retire })
end

local KNOWN = {
  webhooks = "!table", generation = "!number", secret_file = "!string", receiver_url = "string", probe = "boolean",
  wait = "number", apple = "!table", receiver = "!table", inbox = "!table", files = "!table", clock = "!function",
  sleep = "!function", random_hex = "!function", say = "!function",
}

--- Rotates, or goes on where an earlier run stopped.
---
--- Functions of the caller's that can fail return nil, a message and sometimes a code.
---@param given table
--- webhooks: list of ids, all those that use the secret; generation: 1 or 2; secret_file: its path;
--- receiver_url: where the probe goes, default the webhooks' own URLs; probe: default true;
--- wait: seconds for a notification signed with the new secret to arrive, for each webhook, default 300;
--- apple: {url(id) -> string, set_secret(id, secret) -> true, ping(id) -> true or no such function};
--- receiver: {reload() -> true or no such function, post(url, signature, body) -> status};
--- inbox: {verified(secret, since) -> list of ids of notifications that this secret verified and that were received
--- since};
--- files: {read(path) -> bytes, with code "missing" where there is none, replace(path, bytes, "new" or nil) -> true,
--- atomic and synced, remove(path) -> true, lock(path) -> {close()}};
--- clock(): seconds since the epoch; sleep(seconds); random_hex(bytes); say(step, text): a line a step, never a secret
---@return boolean|nil ok true: the new secret is the only one
---@return string? message what stands in the way, and what to do; running it again is always safe
---@return string? code rotation_pending (nothing has arrived yet), rotation_invalid, probe_failed, reload_failed,
--- locked, and those of files and of the API
function rotation.run(given)
  options.check("marketplace.rotation", given, KNOWN)
  if #given.webhooks == 0 then error("marketplace.rotation: option 'webhooks' is an empty list", 2) end
  local self = {
    webhooks = given.webhooks, generation = given.generation, path = given.secret_file,
    state_path = given.secret_file .. ".rotation", receiver_url = given.receiver_url, probe = given.probe ~= false,
    wait = given.wait or 300, apple = given.apple, receiver = given.receiver, inbox = given.inbox, files = given.files,
    clock = given.clock, sleep = given.sleep, random_hex = given.random_hex, say = given.say,
  }
  local lock_path = self.state_path .. ".lock"
  local lock, lock_message, lock_code = self.files.lock(lock_path)
  if not lock then return nil, lock_message, lock_code end
  local ok, message, code = rotate(self)
  self.files.remove(lock_path)
  lock:close()
  return ok, message, code
end

return rotation
