--- Rotates the secret of webhooks without losing a notification, and so that it can be stopped at any point, also by
--- kill -9, and run again.
---
---   1. begin    a new secret, in a state file beside the secret file
---   2. accept   the secret file holds the new one and the old ones; the receiver rereads it
---   3. probe    a ping that is signed with the new secret is posted to the receiver, and must be in the inbox
---   4. change   App Store Connect is given the new secret
---   5. verify   a notification arrives that App Store Connect signed with it (generation 2 is asked for a ping)
---   6. settle   for a while nothing arrives that is signed with an old secret
---   7. retire   the secret file holds the new one only; the receiver rereads it; the state file goes
---
--- From step 2 until the end of step 6 the receiver accepts both, so whichever of them App Store Connect uses is in the
--- secret file. Every step can be done twice. All webhooks that use the old secrets must be named, as these end with
--- step 7; a notification signed with one of them, after the named ones have the new secret, tells of another, and then
--- nothing is retired.
---
--- What touches the outside is given by the caller, see `rotation.run`.
local log = require "marketplace.log"
local options = require "marketplace.options"
local rotation_state = require "marketplace.rotation.state"
local samples = require "marketplace.samples"
local secret_file = require "marketplace.secret_file"
local signature = require "marketplace.signature"

local rotation = {}

local PROBE_SECONDS = 10   -- a reload is asynchronous: how long the receiver has for it
local PROBE_PAUSE = 0.5
local SETTLE_SECONDS = 3   -- for the reload, where no probe tells when it is through
local POLL_PAUSE = 1
local DELIVERIES_PAUSE = 5 -- between questions to App Store Connect, which counts them
local TELL_EVERY = 10      -- seconds of waiting
local CLOCKS_APART = 60    -- seconds that the inbox's clock may differ from this one
local AGAIN = "Run the same command again"

--[[ Words ]]

-- What is at stake, which is not the same at every point.
local function hint(self, message, more)
  local stake
  if self.probed then
    stake = "The receiver accepts the old secret and the new one meanwhile, so nothing is lost"
  elseif self.state.changing_at then
    stake = "It is not known whether the receiver takes the new secret: look for answers of 401 in its log"
  else
    stake = "Nothing was changed at App Store Connect"
  end
  return ("%s. %s. %s%s."):format(message, stake, AGAIN, more or "")
end

local function fingerprint_of(secret)
  return assert(signature.fingerprint(secret))
end

local function fingerprints_of(list)
  return table.concat(signature.fingerprints(list), ", ")
end

--[[ Waiting ]]

local function stopped()
  return nil, "stopped; run the same command again", "stopped"
end

local function pause(self, seconds)
  if not self.stop_asked() then self.sleep(seconds) end
  if self.stop_asked() then return stopped() end
  return true
end

-- What `look` gives once that is neither nil nor false; false and its last problem when the time is over; nil, message,
-- code where it is stopped. `tell` is called now and then with the seconds that have passed.
local function wait_for(self, seconds, every, look, tell)
  local started = self.clock()
  local told = started
  while true do
    local found, problem = look()
    if found then return found end
    local now = self.clock()
    if now - started >= seconds then return false, problem end
    if now - told >= TELL_EVERY then
      told = now
      tell(math.floor(now - started))
    end
    local ok, message, code = pause(self, every)
    if not ok then return nil, message, code end
  end
end

--[[ The secret file ]]

local function save(self)
  return rotation_state.write(self.files, self.state_path, self.state)
end

local function read_secrets(self)
  local bytes, message, code = self.files.read(self.path)
  if not bytes then return nil, "the secret file cannot be read: " .. message, code end
  return secret_file.parse(bytes, self.path)
end

local function holds(list, one)
  for _, other in ipairs(list) do
    if other == one then return true end
  end
  return false
end

local function without(list, one)
  local rest = {}
  for _, other in ipairs(list) do
    if other ~= one then rest[#rest + 1] = other end
  end
  return rest
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
  local state = rotation_state.new(self.generation, self.webhooks, self.random_hex, self.clock())
  local ok
  ok, message, code = rotation_state.write(self.files, self.state_path, state, "new")
  if not ok then return nil, "a state file cannot be made: " .. message, code end
  self.state = state
  self.say("begin", ("a new secret, %s, is in %s"):format(fingerprint_of(state.secret), self.state_path))
  return true
end

local function reload(self)
  if not self.receiver.reload then
    self.say("reload", "nothing tells the receiver to reread the secret file: it must do so by itself")
    return true
  end
  local ok, message = self.receiver.reload()
  if not ok then
    return nil, hint(self, "the receiver could not be told to reread the secret file: " .. message), "reload_failed"
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
  self.say("accept", ("the secret file holds %s; the new one is %s"):format(fingerprints_of(list),
    fingerprint_of(self.state.secret)))
  return reload(self)
end

--[[ The probe ]]

local function is_probe(self, id)
  return id:sub(1, #self.state.probe) == self.state.probe
end

-- Another one in each run and for each URL: what an earlier one left in the inbox proves nothing of this one.
local function probe_id(self, url)
  return ("%s-%s-%s"):format(self.state.probe, self.run_id, fingerprint_of(url))
end

local function is_in_inbox(self, id)
  local entries, message = self.inbox.verified(fingerprint_of(self.state.secret), self.state.started_at - CLOCKS_APART)
  if not entries then return nil, "the inbox: " .. message end
  for _, entry in ipairs(entries) do
    if entry.id == id then return true end
  end
  return false, "it answers 200, but what it took is not in the inbox: the URL leads elsewhere, or the inbox is another"
end

local function probe_url(self, url)
  local id = probe_id(self, url)
  local body = assert(samples.body("ping", { id = id, time = self.state.started_at }))
  local header = assert(signature.sign(self.state.secret, body))
  local found, message, code = wait_for(self, PROBE_SECONDS, PROBE_PAUSE, function()
    local status, problem = self.receiver.post(url, header, body)
    if status == 200 then return is_in_inbox(self, id) end
    return false, status and "it answers " .. tostring(status) or problem
  end, function() end)
  if found == nil then return nil, message, code end
  if not found then
    local stake = self.state.changing_at and "App Store Connect may have been given it before"
      or "so nothing was changed at App Store Connect"
    return nil, ("the receiver at %s has not taken the new secret (%s), %s. Mend that, and run the same command again")
      :format(url, message, stake), "probe_failed"
  end
  self.say("probe", ("the receiver takes what is signed with %s: %s"):format(fingerprint_of(self.state.secret), url))
  return true
end

local function probe(self)
  if not self.probe then
    self.say("probe", "not wanted: whether the receiver takes the new secret is not known")
    return pause(self, SETTLE_SECONDS)
  end
  self.run_id = self.random_hex(4)
  for _, url in ipairs(self.urls) do
    local ok, message, code = probe_url(self, url)
    if not ok then return nil, message, code end
  end
  self.probed = true
  return true
end

--[[ App Store Connect ]]

local function advance(self, hook, step, time)
  hook.step = step
  if time then hook[time] = self.clock() end
  return save(self)
end

local function drop(self, hook)
  local ok, message, code = advance(self, hook, "gone")
  if not ok then return nil, hint(self, message), code end
  self.say("drop", ("webhook %s does not exist any more, and is left out"):format(hook.id))
  return true
end

-- From when on notifications can have been signed with the new secret: kept before App Store Connect gets it.
local function note_change(self)
  if self.state.changing_at then return true end
  self.state.changing_at = self.clock()
  local ok, message, code = save(self)
  if not ok then self.state.changing_at = nil end
  return ok, message, code
end

local function change(self, hook)
  local ok, message, code = note_change(self)
  if not ok then return nil, hint(self, message), code end
  ok, message, code = self.apple.set_secret(hook.id, self.state.secret)
  if not ok and code == "missing" then return drop(self, hook) end
  if not ok then
    return nil, hint(self, ("whether webhook %s has the new secret is not known: %s"):format(hook.id, message)), code
  end
  ok, message, code = advance(self, hook, "changed", "changed_at")
  if not ok then return nil, hint(self, message), code end
  self.say("change", ("App Store Connect has %s for webhook %s"):format(fingerprint_of(self.state.secret), hook.id))
  return true
end

--[[ The proof that a webhook has the new secret ]]

-- Ids of notifications that were signed with the new secret, are no probe and proved nothing yet.
local function candidates(self)
  local entries, message = self.inbox.verified(fingerprint_of(self.state.secret),
    self.state.changing_at - CLOCKS_APART)
  if not entries then return nil, "the inbox: " .. message end
  local ids = {}
  for _, entry in ipairs(entries) do
    if not is_probe(self, entry.id) and not holds(self.state.seen, entry.id) then ids[#ids + 1] = entry.id end
  end
  return ids
end

-- Which of the ids App Store Connect sent to this webhook; nil, message where that cannot be known.
local function delivered_to(self, hook, ids)
  local delivered, message = self.apple.delivered(hook.id, self.state.changing_at - CLOCKS_APART)
  if not delivered then return nil, message end
  local found = {}
  for _, id in ipairs(ids) do
    if holds(delivered, id) then found[#found + 1] = id end
  end
  return found
end

-- One event goes to several webhooks with one id, and proves nothing of one of them where another has the secret too.
local function only_to(self, hook, ids)
  local own, message = delivered_to(self, hook, ids)
  for _, other in ipairs(self.state.webhooks) do
    if not own or #own == 0 then return own, message end
    if other ~= hook and (other.step == "changed" or other.step == "verified") then
      local theirs
      theirs, message = delivered_to(self, other, own)
      if not theirs then return nil, message end
      for _, id in ipairs(theirs) do own = without(own, id) end
    end
  end
  return own
end

-- The id of a notification that proves it; false where there is none.
local function find_proof(self, hook)
  local ids, message = candidates(self)
  if not ids then return nil, message end
  if #ids == 0 or not self.apple.delivered then return ids[1] or false end
  if hook == self.asked_for and self.clock() - self.asked_at < DELIVERIES_PAUSE then return false end
  self.asked_for, self.asked_at = hook, self.clock()
  local own, problem = only_to(self, hook, ids)
  if not own then return nil, "App Store Connect's deliveries: " .. problem end
  return own[1] or false
end

local function accept_proof(self, hook, id)
  self.state.seen[#self.state.seen + 1] = id
  local ok, message, code = advance(self, hook, "verified", "verified_at")
  if not ok then return nil, hint(self, message), code end
  self.say("verify", ("webhook %s: notification %s is signed with %s"):format(hook.id, id,
    fingerprint_of(self.state.secret)))
  return true
end

local function where_to_look(self, hook)
  local look = "look for answers of 401 in the receiver's log"
  if not self.apple.ping then return look end
  return ("%s, and see what was sent: marketplace webhooks deliveries %s"):format(look, hook.id)
end

local function ping(self, hook)
  if not self.apple.ping then
    self.say("verify", ("webhook %s: waiting for its next notification"):format(hook.id))
    return true
  end
  local ok, message, code = self.apple.ping(hook.id)
  if not ok then
    return nil, code == "missing" and message or hint(self, ("webhook %s: no ping: %s"):format(hook.id, message)), code
  end
  self.say("verify", ("webhook %s: App Store Connect was asked for a ping"):format(hook.id))
  return true
end

local function no_proof(self, hook, problem)
  local more = not self.apple.ping and " when a notification has arrived (generation 1 has no ping)" or nil
  local message = ("webhook %s: within %g seconds no notification arrived that is signed with the new secret; %s")
    :format(hook.id, self.wait, where_to_look(self, hook))
  if problem then message = message .. " (" .. problem .. ")" end
  return nil, hint(self, message, more), "rotation_pending"
end

local function verify(self, hook)
  local id = find_proof(self, hook)
  if id then return accept_proof(self, hook, id) end
  local ok, message, code = ping(self, hook)
  if not ok and code == "missing" then return drop(self, hook) end
  if not ok then return nil, message, code end
  id, message, code = wait_for(self, self.wait, POLL_PAUSE, function() return find_proof(self, hook) end,
    function(seconds)
      self.say("verify", ("webhook %s: nothing after %d of %g seconds; if it stays so, %s"):format(hook.id, seconds,
        self.wait, where_to_look(self, hook)))
    end)
  if id == nil then return nil, message, code end
  if not id then return no_proof(self, hook, message) end
  return accept_proof(self, hook, id)
end

local NEXT = { waiting = change, changed = verify }

local function change_all(self)
  for _, hook in ipairs(self.state.webhooks) do
    while NEXT[hook.step] do
      if self.stop_asked() then return stopped() end
      local ok, message, code = NEXT[hook.step](self, hook)
      if not ok then return nil, message, code end
    end
  end
  return true
end

--[[ The end of the old secrets ]]

-- Newest first: those since the last webhook was given the new secret that an old one verified.
local function signed_with_old(self, old)
  local found = {}
  for _, secret in ipairs(old) do
    local fingerprint = fingerprint_of(secret)
    local entries, message = self.inbox.verified(fingerprint, rotation_state.latest(self.state, "changed_at"))
    if not entries then return nil, "the inbox: " .. message end
    for _, entry in ipairs(entries) do
      found[#found + 1] = { id = entry.id, at = entry.at, fingerprint = fingerprint }
    end
  end
  table.sort(found, function(a, b) return a.at > b.at end)
  return found
end

local function shown(entry)
  return ("notification %s, signed with the old secret %s, arrived at %s"):format(entry.id, entry.fingerprint,
    log.timestamp(entry.at))
end

-- A webhook has been given the new secret, and yet the old one is used, longer than a notification can have been under
-- way.
local function find_late(self, entries)
  local in_flight_until = rotation_state.latest(self.state, "changed_at") + CLOCKS_APART + self.grace
  local newest = entries[1]
  if self.retire_anyway or not newest or newest.at <= in_flight_until then return nil end
  return newest
end

local function shared(self, entry)
  return nil, ("%s, when all webhooks that are named had the new one: another webhook probably still uses it, so it " ..
    "stays in the secret file. Give that webhook the new secret too (marketplace webhooks " ..
    "update ID --secret-file %s), then run the same command again with --retire-anyway"):format(shown(entry),
    self.path), "rotation_pending"
end

-- true when nothing has come for long enough; false and the newest, or nil and a message, where it has not.
local function is_quiet(self, old)
  local entries, message = signed_with_old(self, old)
  if not entries then return nil, message end
  local newest, now = entries[1], self.clock()
  self.late = find_late(self, entries)
  if self.late then return true end
  local since = math.max(rotation_state.latest(self.state, "verified_at"), newest and math.min(newest.at, now) or 0)
  return now - since >= self.grace, newest and "the old secret is still in use: " .. shown(newest)
end

local function settle(self)
  local list, message = read_secrets(self)
  if not list then return nil, hint(self, message), "file_failed" end
  local old = without(list, self.state.secret)
  if #old == 0 then return true end
  self.say("settle", ("until for %g seconds nothing is signed with %s"):format(self.grace, fingerprints_of(old)))
  local quiet, problem, code = wait_for(self, self.grace + self.wait, POLL_PAUSE,
    function() return is_quiet(self, old) end,
    function(seconds) self.say("settle", ("waiting for %d seconds"):format(seconds)) end)
  if quiet == nil then return nil, problem, code end
  if self.late then return shared(self, self.late) end
  if not quiet then return nil, hint(self, problem), "rotation_pending" end
  return true
end

local function retire(self)
  local ok, message, code = self.files.replace(self.path, secret_file.text { self.state.secret })
  if not ok then return nil, hint(self, message), code end
  self.say("retire", ("the secret file holds %s only"):format(fingerprint_of(self.state.secret)))
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

local function add_url(self, url)
  if not self.receiver_url and not holds(self.urls, url) then self.urls[#self.urls + 1] = url end
end

-- Asks for each webhook, which also shows that the credentials work and that it exists. Its URL is probed once.
local function find_urls(self)
  self.urls = { self.receiver_url }
  for _, id in ipairs(self.webhooks) do
    local url, message, code = self.apple.url(id)
    if not url then return nil, ("webhook %s: %s"):format(id, message), code end
    add_url(self, url)
  end
  return true
end

-- The same for a rotation under way, which goes on without a webhook that was deleted meanwhile.
local function find_urls_again(self)
  self.urls = { self.receiver_url }
  local left = 0
  for _, hook in ipairs(self.state.webhooks) do
    if hook.step ~= "gone" then
      local url, message, code = self.apple.url(hook.id)
      local ok = url
      if not url and code == "missing" then ok, message, code = drop(self, hook) end
      if not ok then return nil, ("webhook %s: %s"):format(hook.id, message), code end
      if url then
        left = left + 1
        add_url(self, url)
      end
    end
  end
  if left > 0 then return true end
  return nil, "none of the webhooks exists any more: end the rotation with --abort", "rotation_invalid"
end

local function in_order(self, steps)
  for _, step in ipairs(steps) do
    if self.stop_asked() then return stopped() end
    local ok, message, code = step(self)
    if not ok then return nil, message, code end
  end
  return true
end

local function read_state(self)
  local state, message, code = rotation_state.read(self.files, self.state_path, self.generation, self.webhooks)
  self.state = state or nil
  return state, message, code
end

local function rotate(self)
  local state, message, code = read_state(self)
  if state == nil then return nil, message, code end
  if not state then return in_order(self, { find_urls, begin, accept, probe, change_all, settle, retire }) end
  self.say("resume", "a rotation that began before goes on")
  if rotation_state.is_verified(state) then return in_order(self, { settle, retire }) end
  return in_order(self, { find_urls_again, accept, probe, change_all, settle, retire })
end

-- Which webhook may sign with the new secret; nil where surely none does.
local function user_of_new(self)
  if not self.state.changing_at then return nil end
  for _, hook in ipairs(self.state.webhooks) do
    if hook.step ~= "gone" then
      local url, _, code = self.apple.url(hook.id)
      if url or code ~= "missing" then return hook.id end
    end
  end
end

local function restore(self)
  local list, message, code = read_secrets(self)
  if not list then return nil, message, code or "file_failed" end
  local old = without(list, self.state.secret)
  if #old == 0 then
    return nil, "the secret file holds no other secret to go back to: " .. self.path, "rotation_invalid"
  end
  local ok = #old == #list
  if not ok then ok, message, code = self.files.replace(self.path, secret_file.text(old)) end
  if not ok then return nil, "the secret file cannot be written: " .. message, code end
  self.say("restore", ("the secret file holds %s"):format(fingerprints_of(old)))
  return reload(self)
end

local function abort(self)
  local state, message, code = read_state(self)
  if state == nil then return nil, message, code end
  if not state then return nil, "no rotation is under way that could be ended", "rotation_invalid" end
  local user = user_of_new(self)
  if user then
    return nil, ("App Store Connect may sign with the new secret for webhook %s already, and the receiver must take " ..
      "it: run the same command without --abort"):format(user), "rotation_invalid"
  end
  local ok
  ok, message, code = restore(self)
  if not ok then return nil, message, code end
  ok, message = self.files.remove(self.state_path)
  if not ok then return nil, "the state file cannot be removed: " .. message, "file_failed" end
  self.say("done", "the rotation is ended")
  return true
end

-- What begins now would fail for these too.
local function check(self)
  local state, message, code = read_state(self)
  if state == nil then return nil, message, code end
  local list
  list, message, code = read_secrets(self)
  if not list then return nil, message, code or "file_failed" end
  local is_in = state and holds(list, state.secret)
  local problem = not is_in and room_problem(self, list)
  if problem then return nil, problem, "file_failed" end
  for _, id in ipairs(self.webhooks) do
    local url
    url, message, code = self.apple.url(id)
    if not url and not (state and code == "missing") then return nil, ("webhook %s: %s"):format(id, message), code end
  end
  self.say(state and "resume" or "begin", state and "a rotation that began before would go on"
    or ("a new secret would come before %s"):format(fingerprints_of(list)))
  return true
end

--[[ For callers ]]

local KNOWN = {
  webhooks = "!table", generation = "!number", secret_file = "!string", receiver_url = "string", probe = "boolean",
  wait = "number", grace = "number", retire_anyway = "boolean", apple = "!table", receiver = "!table",
  inbox = "!table", files = "!table", clock = "!function", sleep = "!function", stop_asked = "function",
  random_hex = "!function", say = "!function",
}

local function never()
  return false
end

local function new(given)
  options.check("marketplace.rotation", given, KNOWN, 4)
  if #given.webhooks == 0 then error("marketplace.rotation: option 'webhooks' is an empty list", 3) end
  local self = {
    path = given.secret_file, state_path = given.secret_file .. ".rotation", probe = given.probe ~= false,
    wait = given.wait or 300, grace = given.grace or 60, stop_asked = given.stop_asked or never,
  }
  for name in pairs(KNOWN) do
    if self[name] == nil then self[name] = given[name] end
  end
  return self
end

-- One process at a time; what killed ones left of the two files holds secrets.
local function locked(self, task)
  local lock_path = self.state_path .. ".lock"
  local lock, lock_message, lock_code = self.files.lock(lock_path)
  if not lock then return nil, lock_message, lock_code end
  local ok, message, code = self.files.clean(self.path)
  if ok then ok, message, code = self.files.clean(self.state_path) end
  if ok then ok, message, code = task(self) end
  self.files.remove(lock_path)
  lock:close()
  return ok, message, code
end

--- Rotates, or goes on where an earlier run stopped.
---
--- Functions of the caller's that can fail return nil, a message and sometimes a code.
---@param given table
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
--- files: {read(path) -> bytes, with code "missing" where there is none, replace(path, bytes, "new" or nil) -> true,
--- atomic and synced, remove(path) -> true, lock(path) -> {close()}, clean(path) -> true: removes what killed calls of
--- replace left};
--- clock(): seconds since the epoch; sleep(seconds); stop_asked() -> whether to stop, default never;
--- random_hex(bytes); say(step, text): a line a step, never a secret
---@return boolean|nil ok true: the new secret is the only one
---@return string? message what stands in the way, and what to do; running it again is always safe
---@return string? code rotation_pending (nothing has arrived yet, or an old secret is still used), rotation_invalid,
--- probe_failed, reload_failed, stopped, locked, and those of files and of the API
function rotation.run(given)
  return locked(new(given), rotate)
end

--- Ends a rotation under way, where App Store Connect surely signs with the new secret for no webhook: the secret file
--- then holds the old ones only.
---@param given table see rotation.run
---@return boolean|nil ok
---@return string? message
---@return string? code
function rotation.abort(given)
  return locked(new(given), abort)
end

--- Whether a rotation could begin or go on: reads, and changes nothing.
---@param given table see rotation.run
---@return boolean|nil ok
---@return string? message
---@return string? code
function rotation.check(given)
  return check(new(given))
end

return rotation
