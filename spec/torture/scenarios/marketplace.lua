--- Scenarios of the module's own functions, up to a notification that is received, stored and run. What was answered
--- with 200 must be run.
local core = require "marketplace.core"
local marketplace = require "marketplace"

local SECRET = "one secret"
local BODY = [[{"data":{"type":"alternativeDistributionPackageVersionCreated","id":"%s","version":1,]] ..
  [["attributes":{"timestamp":"2025-04-01T10:20:30Z"},"relationships":{}}}]]
local LATER = 4000 -- seconds: every lease and every wait has ended

local function receiver()
  local context = { ran = {}, n = 1, now = 1e9 }
  local function clock() return context.now end
  local made = marketplace.receiver { secrets = SECRET, log = function() end, clock = clock }
  context.receiver = made
  made:on("version_available", function(notification) context.ran[notification.id] = true end)
  return context
end

--- A request of the number n. The bodies differ, so that nothing is known already.
local function request(n)
  local body = BODY:format(n)
  return { method = "POST", headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) }, body = body }
end

local function run_all(context)
  context.now = context.now + LATER
  context.receiver:dispatch()
end

--- The same notification comes until it was answered and run, as App Store Connect sends it again.
local function receive(context, handle)
  local id = tostring(context.n)
  local status = handle(context.receiver, request(id))
  if status ~= 200 then return nil, "answered " .. status, "unavailable" end
  run_all(context)
  if not context.ran[id] then return nil, "answered with 200 and not run", "lost" end
  context.n, context.ran[id] = context.n + 1, nil
  return status
end

local function memory_inbox()
  local context = { n = 1, now = 1e9 }
  context.inbox = assert(marketplace.inbox("memory", { clock = function() return context.now end }))
  return context
end

-- Finishes all that waits, one after another.
local function finish_all(context, state)
  repeat
    context.now = context.now + LATER
    context.inbox:recover { 0 }
    local claimed = context.inbox:claim(2, 60)
    for _, item in ipairs(claimed) do item.state, item.code = state, state == "dead" and "failed" or nil end
    context.inbox:finish(claimed)
  until #claimed == 0
end

-- Stores two, lets their leases end, and runs them: without an operator none is dead.
local function lose_leases(context)
  local n = context.n
  context.n = n + 1
  local stored = context.inbox:put {
    { key = "a" .. n, digest = "d", body = "{}" }, { key = "b" .. n, digest = "d", body = "{}" },
  }
  for _ = 1, 2 do
    context.inbox:extend(context.inbox:claim(2, 60), 120)
    context.now = context.now + LATER
    context.inbox:recover { 0 }
  end
  context.inbox:run { id = "a" .. n }
  finish_all(context, "done")
  local left = context.inbox:backlog()
  if left.ready + left.leased + left.dead > 0 then return nil, "acknowledged and not run", "lost" end
  return #stored
end

-- What an operator's page asks, of those that are dead: what is done becomes more and more.
local function look(context)
  local page, cursor = context.inbox:list { state = "dead", limit = 1, newest = true, examine = 2 }
  context.inbox:list { state = "dead", from = cursor, newest = true }
  local count = context.inbox:count({ state = "dead" }, 100)
  if #page ~= 1 or count == 0 or #context.inbox:apps() == 0 then return nil, "they are not all there", "lost" end
  return context.inbox:get(page[1].id).history
end

-- Stores two of one app and one of another, cancels one, gives the others up, has them all replayed, runs them, and
-- forgets their bodies.
local function run_inbox(context)
  local n = context.n
  context.n = n + 1
  local stored = context.inbox:put({
    { key = "a" .. n, digest = "d", app_id = "a", body = "{}" },
    { key = "b" .. n, digest = "d", app_id = "a", body = "{}" },
    { key = "c" .. n, digest = "d", body = "{}" },
  })
  context.acknowledged = n
  context.inbox:cancel({ id = "b" .. n }, "not wanted")
  finish_all(context, "dead")
  local history, message, code = look(context)
  if not history then return nil, message, code end
  context.inbox:replay()
  finish_all(context, "done")
  for _, letter in ipairs { "a", "b", "c" } do
    local entry = context.inbox:get(letter .. context.acknowledged)
    if not entry or entry.state ~= "done" then return nil, "acknowledged and not run", "lost" end
  end
  context.inbox:forget({ bodies = context.now + 1, ids = 0 }, 2)
  return #stored, context.inbox:backlog()
end
local VERSION = {
  id = "b7d0a6c2", item_id = "6740067890", apple_version_id = "800000002", bundle_id = "com.example.app",
  version = "1.1", build = "2",
}

local OFFERED = { item_id = VERSION.item_id, changed_at = 0, versions = { {
  item_id = VERSION.item_id, apple_version_id = VERSION.apple_version_id, bundle_id = VERSION.bundle_id,
  version = VERSION.version, published_at = 0, territories = { ["*"] = true, FRA = false },
} } }

local QUESTION = {
  method = "POST", path = "/device/updates",
  body = '{"apps":[{"appleItemId":"6740067890","appleVersionId":"800000001"}],"platform":"iOS","osVersion":"18"}',
}

local function device(pem)
  return marketplace.device {
    packages = { served = function() return { { outcome = "served", version = VERSION } } end },
    token = { key_id = "ABCDEFGHIJ", marketplace_id = "6740012345", key = pem },
    base_url = "https://market.example/device", authenticate = function() return "somebody" end,
    log = function() end,
  }
end

return {
  in_lua = true,
  { covers = { "marketplace.sign", "marketplace.verify", "marketplace.fingerprint" },
    codes = { "crypto_failed", "out_of_memory" }, raises = "SHA",
    run = function()
      local header, message, code = marketplace.sign(SECRET, BODY)
      if not header then return header, message, code end
      local index, problem, its_code = marketplace.verify({ "another", SECRET }, BODY, header)
      if not index then return index, problem, its_code end
      local fingerprint, why, why_code = marketplace.fingerprint(SECRET)
      if not fingerprint then return fingerprint, why, why_code end
      return header, index, fingerprint
    end },
  { covers = { "marketplace.parse", "marketplace.to_table" },
    run = function()
      local notification, message, code = marketplace.parse(BODY:format "1")
      if not notification then return notification, message, code end
      return marketplace.to_table(notification), notification.attributes.timestamp
    end },
  -- what OpenSSL allocates for a key fails in keys.lua
  { covers = { "marketplace.token", "marketplace.client" }, only_lua = true,
    setup = function() return assert(assert(core.generate_key()):private_pem()) end,
    run = function(pem)
      local options = { key_id = "ABCDEFGHIJ", issuer_id = "57246542-96fe-1a63-e053-0824d011072a", key = pem }
      local token, message, code = marketplace.token(options)
      if not token then return token, message, code end
      local client, problem, its_code = marketplace.client(options)
      if not client then return client, problem, its_code end
      return true
    end },
  { covers = { "marketplace.device" }, only_lua = true,
    setup = function() return assert(assert(core.generate_key()):private_pem()) end,
    run = function(pem)
      local answering, message, code = device(pem)
      if not answering then return answering, message, code end
      local made, problem, its_code = answering:install { app = VERSION.item_id, account = "somebody" }
      if not made then return made, problem, its_code end
      local status, _, body = answering:handle(QUESTION)
      if status == 503 then return nil, body, "out_of_memory" end -- the device asks again
      return made.appleVersionId, made.link:match "^marketplace%-kit://install%?" ~= nil, status,
        body:match '"updates":%[{' ~= nil
    end },
  -- of a domain that nobody answers for
  { covers = { "marketplace.check" }, only_lua = true,
    run = function()
      local _, counts = marketplace.check {
        domain = "market.example", clock = function() return 1780000000 end,
        transport = function() return nil, "Connection refused", "connect_failed", { sent = false } end,
      }
      return counts
    end },
  { covers = { "marketplace.spotlight" }, codes = { "catalogue_failed" },
    run = function()
      local answers, message, code = marketplace.spotlight {
        packages = { catalogue = function() return { apps = { OFFERED } } end }, base_url = "https://market.example",
        app = { [VERSION.item_id] = { name = "</script>" } }, territories = { "DEU" }, log = function() end,
      }
      if not answers then return answers, message, code end
      local html, problem, its_code = answers:scripts(VERSION.item_id)
      if not html then return html, problem, its_code end
      return html
    end },
  { covers = { "receiver:add_responder", "dispatcher:add_responder" }, only_lua = true,
    run = function()
      local responder = {
        max_body = 1, paths = function() return { "/a", "/b/" } end,
        answers = function(_, path) return path == "/a" end, handle = function() return 200, {}, "" end,
      }
      local made = marketplace.receiver { secrets = SECRET, log = function() end }:add_responder(responder)
      marketplace.dispatcher { inbox = made.inbox }:add_responder(responder)
      return made.responders:find "/a" == responder, #made.responders.routes
    end },
  { covers = { "marketplace.forward" }, codes = { "out_of_memory", "crypto_failed" }, raises = "SHA",
    run = function()
      local one, message, code = marketplace.forward {
        url = "https://example.com/hook", secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u", headers = "standard",
      }
      if not one then return one, message, code end
      local sent
      sent, message, code = one:request({ body = "{}" }, { id = "1" })
      if not sent then return sent, message, code end
      return sent.url, #sent.headers, sent.body
    end },
  { covers = { "marketplace.inbox", "marketplace.dispatcher" },
    run = function()
      local inbox, message, code = marketplace.inbox "memory"
      if not inbox then return inbox, message, code end
      return inbox:counts(), type(marketplace.dispatcher { inbox = inbox })
    end },
  { covers = { "marketplace.inbox" }, recovers = 3, setup = memory_inbox, run = run_inbox },
  { covers = { "marketplace.inbox" }, recovers = 3, setup = memory_inbox, run = lose_leases },
  { covers = { "marketplace.receiver", "receiver:on", "receiver:handle", "receiver:dispatch" },
    codes = { "unavailable", "lost" }, recovers = 3, setup = receiver,
    run = function(context)
      return receive(context, function(made, one) return (made:handle(one)) end)
    end },
  { covers = { "receiver:handle_many" },
    codes = { "unavailable", "lost" }, recovers = 3, setup = receiver,
    run = function(context)
      return receive(context, function(made, one) return made:handle_many({ one })[1].status end)
    end },
}
