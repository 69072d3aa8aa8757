-- Licences that `serve` carries: it waits for the sidecar, and goes on meanwhile.
local json = require "marketplace.json"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local server = require "marketplace.server"
local sidecars = require "support.sidecar"
local stepped_server = require "support.stepped_server"

local SECRET = "the secret"

describe("marketplace.server, asked for a licence,", function()
  local sidecar, listener, clients

  setup(function()
    sidecar = sidecars.open()
    sidecar:publish("v1", "1", "10", "asset-1")
  end)

  teardown(function() sidecar:close() end)

  before_each(function()
    sidecar:begin_anew()
    local receiver = marketplace.receiver { secrets = SECRET, inbox = memory.new(), log = function() end }
    receiver:on("*", function() end):add_responder(sidecar.device)
    listener, clients = assert(server.open { receiver = receiver, log = function() end }), {}
  end)

  after_each(function()
    for _, client in ipairs(clients) do client:close() end
    listener:close()
  end)

  local function connect(bytes)
    clients[#clients + 1] = stepped_server.connect(listener, bytes)
    return clients[#clients]
  end

  local function step_until(done) stepped_server.step_until(listener, done) end
  local function answer_to(client) return stepped_server.answers(listener, client, 1)[1] end

  local function ask_for_licence()
    local body = json.encode(sidecar:question { ["1"] = { appleVersionId = "10", assetPublicId = "asset-1" } })
    return connect(raw.post(body, { "X-Account: a" }, "/device/license"))
  end

  local function notify(id)
    return answer_to(connect(raw.notification(SECRET, samples.body("ping", { id = id })))).status
  end

  -- What the sidecar is asked.
  local function asked(count)
    local requests = {}
    step_until(function()
      for _, request in ipairs(sidecar.server:poll(0)) do requests[#requests + 1] = request end
      return #requests >= count
    end)
    return requests
  end

  it("answers once the sidecar has, and notifications before", function()
    sidecar:listen()
    local client = ask_for_licence()
    local requests = asked(1)
    assert.equal(200, notify "a")
    sidecar.server:answer(requests, { sidecars.json { license = "bGljZW5jZQ==" } })
    local given = answer_to(client)
    assert.same({ 200, "bGljZW5jZQ==" }, { given.status, json.decode(given.body).license })
    assert.equal(0, listener.responding:count())
  end)

  it("asks the sidecar for many at once", function()
    sidecar:listen()
    local waiting = {}
    for i = 1, 20 do waiting[i] = ask_for_licence() end
    local requests = asked(20)
    assert.equal(200, notify "a")
    for i = 20, 1, -1 do
      sidecar.server:answer({ requests[i] }, { sidecars.json { license = "bGljZW5jZQ==" } })
    end
    for _, client in ipairs(waiting) do assert.equal(200, answer_to(client).status) end
  end)

  it("leaves the sidecar once the device has gone", function()
    sidecar:listen()
    local client = ask_for_licence()
    local request = asked(1)[1]
    client:close()
    step_until(function() return sidecar.server:is_abandoned(request) end)
    assert.equal(0, listener.responding:count())
    assert.equal(200, notify "a")
  end)

  it("answers 503 if no sidecar is there", function()
    assert.equal(503, answer_to(ask_for_licence()).status)
    assert.equal(200, notify "a")
  end)
end)
