-- The command marketplace simulate: a process of its own, over HTTP and HTTPS.
local api_check = require "support.api_check"
local http = require "marketplace.http"
local json = require "marketplace.json"
local openapi = require "support.openapi"
local operation_walk = require "support.operation_walk"
local raw = require "support.raw_http"
local shell = require "support.shell"
local simulation = require "support.simulation"
local token = require "marketplace.token"
local wait_until = require "support.wait_until"

local APP = simulation.APP
local NOBODY = "http://127.0.0.1:1/" -- nobody listens there
local LONGEST = 20                   -- seconds, which no passing spec reaches

local folder, key_file, cert_file

local function run(arguments, environment)
  return shell.capture(shell.marketplace("simulate " .. arguments, environment))
end

local function bearer()
  return "Authorization: Bearer " .. assert(token.new {
    key_file = key_file, key_id = simulation.KEY_ID, issuer_id = simulation.ISSUER,
  })
end

local function request_of(url, target, body)
  local method, path = target:match "^(%u+) (.*)$"
  return {
    method = method, url = url .. path, headers = { bearer(), "content-type: application/json" }, ca_file = cert_file,
    body = body and json.encode(body), timeout = LONGEST,
  }
end

local function call(url, target, body)
  local response, message, code, detail = http.exchange(request_of(url, target, body))
  if not response then return nil, message, code, detail end
  return response.body ~= "" and json.decode(response.body) or nil, response
end

local function control(url, path, body)
  local response = assert(http.exchange {
    method = body and "POST" or "GET", url = url .. "/simulator" .. path, body = body and json.encode(body),
    headers = { "content-type: application/json" }, ca_file = cert_file,
  })
  return json.decode(response.body), response.status
end

-- Starts it, with options; its URL, with localhost in place of the address, as the certificate names.
local function with_simulator(arguments, use)
  local command = shell.marketplace(("simulate --port 0 --key-file %s %s"):format(key_file, arguments))
  return shell.with_server(command, function(url, pid, pipe)
    use(arguments:find "tls" and url:gsub("127%.0%.0%.1", "localhost") or url, pid, pipe)
  end)
end

describe("marketplace simulate", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    shell.run("mkdir " .. folder)
    key_file = folder .. "/key.p8"
    local cert, key = raw.certificate()
    cert_file = raw.write_file(cert)
    raw.tls = ("--tls-cert %s --tls-key %s"):format(cert_file, raw.write_file(key))
  end)

  teardown(function()
    shell.run("rm -rf " .. folder)
    raw.remove_files()
  end)

  local description = openapi.load { it = it, pending = pending }

  local function check_described(target, url, body, response)
    if not description then return end
    local request = request_of(url, target, body)
    assert.same({}, api_check.request(description, request), target)
    assert.same({}, api_check.response(description, request, response), target)
  end

  -- All operations, sent to `url`, of the simulator whose own URL is `base`.
  local function walk(url, base)
    return operation_walk.run {
      base = base, app = APP, url = NOBODY,
      call = function(status, target, body)
        local document, response, code = call(url, target, body)
        assert(type(response) == "table", ("%s: %s %s"):format(target, tostring(response), tostring(code)))
        assert.equal(status, response.status, target .. "\n" .. response.body)
        check_described(target, url, body, response)
        return document, response
      end,
      event = function(name, given)
        given.event = name
        assert.equal(201, (select(2, control(url, "/events", given))))
      end,
      settle = function(webhook)
        wait_until("no delivery failed", function()
          local made = call(url, ("GET /v1/webhooks/%s/deliveries"):format(webhook)).data
          return made[1] and made[1].attributes.deliveryState == "FAILED"
        end)
      end,
    }
  end

  local function count(set)
    local number = 0
    for _ in pairs(set) do number = number + 1 end
    return number
  end

  it("makes a key for itself, and says how it is used", function()
    local before
    local function start()
      local lines = {}
      local _, status = with_simulator("", function(url, _, pipe)
        for line in pipe:lines() do
          lines[#lines + 1] = line
          if line:find "^try it" then break end
        end
        assert.equal(200, (select(2, call(url, "GET /v1/marketplaceWebhooks")).status))
        assert.matches("export MARKETPLACE_API_URL=" .. url, lines[2], 1, true)
      end)
      assert.equal(0, status)
      assert.equal("600", shell.run("stat -c %a " .. key_file))
      local pem = raw.read_file(key_file)
      assert.equal(before or pem, pem)
      before = pem
      assert.matches("export MARKETPLACE_KEY_FILE=" .. key_file, lines[3], 1, true)
      assert.matches("export MARKETPLACE_KEY_ID=SIMULATED1", lines[4], 1, true)
      assert.matches("export MARKETPLACE_ISSUER_ID=" .. simulation.ISSUER, lines[5], 1, true)
    end
    start()
    start()
  end)

  it("answers all operations over HTTP, as Apple's description says", function()
    local output, status = with_simulator("", function(url) assert.equal(42, count(walk(url, url))) end)
    assert.equal(0, status)
    assert.is_nil(output:find("token refused", 1, true))
  end)

  it("answers all operations over HTTPS", function()
    local _, status = with_simulator(raw.tls, function(url)
      assert.equal(42, count(walk(url, (url:gsub("localhost", "127.0.0.1")))))
    end)
    assert.equal(0, status)
  end)

  if description then
    it("answers with errors as Apple's description says", function()
      with_simulator("", function(url)
        for target, status in pairs {
          ["GET /v1/webhooks/nothing"] = 404, ["GET /v1/apps/1/webhooks"] = 404,
          ["GET /v1/marketplaceWebhooks?limit=0"] = 400, ["POST /v1/webhooks"] = 409,
        } do
          local _, response = call(url, target, {})
          assert.equal(status, response.status)
          assert.same({}, api_check.response(description, request_of(url, target), response), target)
        end
      end)
    end)
  end

  it("delivers to a receiver, and is asked by the command", function()
    local secret = raw.write_file "a secret"
    local handlers = raw.write_file [[
      return function(receiver) receiver:on("*", function(n) print("HANDLED", n.event, n.app_id, n.generation) end) end
    ]]
    local serve = shell.marketplace(("serve %s --inbox memory --port 0 --secret-file %s"):format(handlers, secret))
    with_simulator("--app 1 --app 2", function(url)
      shell.with_server(serve, function(receiver_url, _, pipe)
        local document = assert(call(url, "POST /v1/webhooks", simulation.entity("webhooks", {
          name = "n", url = receiver_url, secret = "a secret", enabled = true, eventTypes = {
            "ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED",
            "ALTERNATIVE_DISTRIBUTION_TERRITORY_AVAILABILITY_UPDATED",
          },
        }, { app = { "apps", "1" } })))
        local hook = document.data.id
        local output, status = run("event version_available --app 77 --variants 1 --size 10 --url " .. url)
        assert.equal(0, status, output)
        assert.matches("^version_available of app 77 package version %x+", output)
        output = run("event app_unavailable --territory JPN --json", "MARKETPLACE_API_URL=" .. url)
        local event = assert(json.decode(output))
        assert.equal("1", event.app_id)
        local body = json.decode(event.notifications[2].body)
        assert.same({ "JPN" }, body.data.attributes.territories)
        local handled = {}
        for line in pipe:lines() do
          local words = line:match "^HANDLED\t(.*)$"
          handled[#handled + 1] = words
          if #handled == 2 then break end
        end
        assert.same({ "version_available\t77\t2", "app_unavailable\t1\t2" }, handled)
        local function states()
          local found = {}
          for i, delivery in ipairs(call(url, ("GET /v1/webhooks/%s/deliveries"):format(hook)).data) do
            found[i] = delivery.attributes.deliveryState
          end
          return table.concat(found, " ")
        end
        wait_until("two did not succeed", function() return states() == "SUCCEEDED SUCCEEDED" end)
        output, status = run(("redeliver %s --json --url %s"):format(event.deliveries[1], url))
        assert.equal(0, status, output)
        assert.matches("^[%x-]+$", json.decode(output).delivery)
        wait_until("three did not succeed", function() return states() == "SUCCEEDED SUCCEEDED SUCCEEDED" end)
        output = run("requests --table --url " .. url)
        assert.matches("^METHOD +ARRIVED +EXECUTED +BYTES +PATH\n", output)
        assert.matches("\nPOST +1 +1 +%d+ +/v1/webhooks\n", output)
      end)
    end)
  end)

  it("makes events of everything that is not given", function()
    with_simulator("", function(url)
      local event = assert(json.decode((run("event app_unavailable --json --url " .. url))))
      assert.is_true(#json.decode(event.notifications[2].body).data.attributes.territories > 0)
    end)
  end)

  it("says which fault it waits with, and that it has none", function()
    with_simulator("", function(url)
      assert.same({ "500: waits for a request\n", 0 }, { run("fault 500 --url " .. url) })
      assert.same({ "no faults\n", 0 }, { run("fault --clear --url " .. url) })
    end)
  end)

  it("repeats a failed delivery as often as it is told", function()
    with_simulator("--retry-after 0 --retry-after 0", function(url)
      assert(call(url, "POST /v1/marketplaceWebhooks",
        simulation.entity("marketplaceWebhooks", { endpointUrl = NOBODY, secret = "s" })))
      control(url, "/events", { event = "app_unavailable", generation = 1 })
      wait_until("three did not fail", function()
        local failed = 0
        for _, delivery in ipairs(control(url, "").deliveries) do
          if delivery.deliveryState == "FAILED" then failed = failed + 1 end
        end
        return failed == 3
      end)
    end)
  end)

  it("refuses a body over 1 MiB", function()
    with_simulator("", function(url)
      local request = request_of(url, "POST /v1/webhooks")
      request.body = (" "):rep(1024 * 1024 + 1)
      assert.equal(413, assert(http.exchange(request)).status)
    end)
  end)

  it("says what went wrong", function()
    with_simulator("", function(url)
      local function fails(status, arguments, pattern)
        local output, got = run(arguments)
        assert.equal(status, got, output)
        assert.matches(pattern, output)
      end
      fails(1, "event nothing --url " .. url, "unknown event 'nothing'")
      fails(1, "redeliver nothing --url " .. url, "no such delivery")
      fails(1, "fault nothing --url " .. url, "'kind' must be one of ")
      fails(2, "fault --url " .. url, "name a kind of fault, or %-%-clear")
      fails(2, "event app_unavailable --size x --url " .. url, "%-%-size must be a number of bytes")
      fails(1, "requests --url " .. NOBODY, "127%.0%.0%.1:1/simulator/requests: ")
      fails(2, "--port x", "%-%-port must be a whole number")
      fails(2, "--port 65536", "%-%-port must be a whole number")
      fails(2, "--app 'a b'", "%-%-app must consist of letters")
      fails(2, "--retry-after x", "%-%-retry%-after must be a number")
      fails(2, "--tls-cert x", "go together")
      fails(1, "--key-file " .. cert_file, "key")
      fails(1, ("--key-file %s --port %s"):format(key_file, url:match "%d+$"), "in use")
    end)
  end)

  describe("with a fault", function()
    local function faults_over(arguments)
      return function()
        with_simulator(arguments, function(url)
          local function with(kind, more)
            local body = { kind = kind }
            for name, value in pairs(more or {}) do body[name] = value end
            assert.equal(201, (select(2, control(url, "/faults", body))))
            return call(url, "GET /v1/marketplaceWebhooks")
          end
          -- twice: libcurl repeats a GET when a connection that it kept ends without an answer
          for _, kind in ipairs { "cut_before", "cut_after" } do
            local document, _, code, detail = with(kind, { times = 2 })
            assert.same({ "http_failed", true }, { code, detail.sent }, kind)
            assert.is_nil(document)
            assert.equal(0, (select(2, run(("fault --clear --url %s --ca-file %s"):format(url, cert_file)))))
          end
          assert.equal(502, (select(2, with "502_html")).status)
          assert.equal("", (select(2, with "empty")).body)
          local document, response = with "429"
          assert.equal("RATE_LIMIT_EXCEEDED", document.errors[1].code)
          assert.equal("1", response.headers["retry-after"])
          assert.equal(200, (select(2, with("slow", { seconds = 0.01 }))).status)
          assert.equal(0, (select(2, run(("fault 500 --skip 1 --url %s --ca-file %s"):format(url, cert_file)))))
          assert.equal(200, (select(2, call(url, "GET /v1/marketplaceWebhooks"))).status)
          assert.equal(500, (select(2, call(url, "GET /v1/marketplaceWebhooks"))).status)
        end)
      end
    end

    it("cuts and delays answers over HTTP", faults_over "")

    it("cuts and delays answers over HTTPS", function() faults_over(raw.tls)() end)

    it("that is slow holds up nobody else", function()
      with_simulator("", function(url)
        control(url, "/faults", { kind = "slow", seconds = 3600, path = "/v1/apps/" })
        local slow = assert(http.start(request_of(url, ("GET /v1/apps/%s/webhooks"):format(APP))))
        wait_until("the request did not arrive", function()
          http.poll(0.01)
          return #control(url, "/requests").requests == 1
        end)
        assert.equal(200, (select(2, call(url, "GET /v1/marketplaceWebhooks"))).status)
        assert.is_false(slow:done())
        slow:close()
      end)
    end)
  end)

  it("has package versions of any shape, as the command asks for them", function()
    with_simulator("", function(url)
      local function simulate(arguments)
        local output, status = run(("%s --url %s"):format(arguments, url))
        assert.equal(0, status, output)
        return output
      end
      local function variants_of(id)
        return call(url, ("GET /v1/alternativeDistributionPackageVersions/%s/variants"):format(id)).data
      end
      assert.equal("package version one of package p: revision 1, 3 variants, 2 deltas, 2047000 bytes\n", simulate(
        "add-version --app 67 --package p --package-version one --size 1k " ..
        "--variant size=2M,digests=unencrypted,checksum=none,id=big --variant count=2,size=22500 " ..
        "--delta chunk_size=single,blob=no --delta checksum=md5"))
      local second = assert(json.decode((simulate(
        "add-version --package p --package-version two --deltas 2 --digests mixed --kept-digests both --json"))))
      assert.same({ 2, 3, 4, "COMPLETED" }, { second.revision, second.variants, second.deltas, second.state })
      assert.equal("big", variants_of("two")[1].id)
      assert.is_nil(variants_of("two")[1].attributes.fileChecksum)
      simulate "event version_available --package p --package-version three --revision 2 --from one"
      assert.equal("package version two: COMPLETED\n", simulate "set-state two COMPLETED")
      local rows = {}
      for line in simulate("versions --json"):gmatch "[^\n]+" do
        local version = json.decode(line)
        rows[#rows + 1] = ("%s %d %s"):format(version.id, version.revision, version.state)
      end
      assert.same({ "one 1 REPLACED", "two 2 COMPLETED", "three 2 REPLACED" }, rows)
      assert.matches("^VERSION +PACKAGE +APP +APPLE VERSION +REVISION +STATE", simulate "versions --table")
      assert.equal("package version two: removed\n", simulate "remove-version two")
      assert.equal(404, (select(2, call(url, "GET /v1/alternativeDistributionPackageVersions/two"))).status)
      local manifest = raw.write_file "not JSON"
      for _, path in ipairs { manifest, "../../../../../../../../../.." .. manifest } do
        local version = json.decode((simulate(("add-version --manifest-file %s --json"):format(path))))
        local archive = call(url, "GET /v1/alternativeDistributionPackageVersions/" .. version.id).data.attributes.url
        assert.is_truthy(assert(http.exchange { method = "GET", url = archive }).body:find("not JSON", 1, true))
      end
      local _, status = run("remove-version two --url " .. url)
      assert.equal(1, status)
    end)
  end)

  it("says which options of a package version are wrong", function()
    for arguments, why in pairs {
      ["--variant colour=red"] = "--variant: 'colour=red' is not understood; expected are several KEY=VALUE",
      ["--variant size"] = "--variant: 'size' is not understood",
      ["--delta blob=maybe"] = "--delta: 'blob=maybe' is not understood",
      ["--chunk-size some"] = "--chunk-size must be a number of bytes, such as 65536 or 10M, or single",
      ["--size 1.5"] = "--size must be a number of bytes",
      ["--variant size=-1"] = "--variant: 'size=-1' is not understood",
      ["--variants 1 --variant size=1"] = "--variant and --variants do not go together",
      ["--revision x"] = "--revision must be a whole number",
    } do
      local output, status = run("add-version --url http://127.0.0.1:1 " .. arguments)
      assert.equal(2, status, output)
      assert.is_truthy(output:find(why, 1, true), output)
    end
  end)

  it("tells of no territories, and of what happened earlier", function()
    with_simulator("", function(url)
      local output = run("event app_unavailable --generation 2 --no-territory --time 2026-01-31T12:00:00Z --json " ..
        "--url " .. url)
      local attributes = json.decode(json.decode(output).notifications[1].body).data.attributes
      assert.same({}, attributes.territories)
      assert.equal("2026-01-31T12:00:00.000Z", attributes.timestamp)
    end)
  end)

  it("serves packages' files without a token", function()
    with_simulator("", function(url)
      local event = control(url, "/events", { event = "version_available", size = 3000000 })
      local version = call(url, "GET /v1/alternativeDistributionPackageVersions/" .. event.package_version_id).data
      local zip = folder .. "/package.zip"
      shell.run(("curl -sSf -o %s '%s'"):format(zip, version.attributes.url))
      assert.equal(version.attributes.fileChecksum, shell.run("sha256sum < " .. zip):match "%x+")
      local manifest = assert(json.decode(shell.run(("unzip -p %s manifest.json"):format(zip))))
      local variant = call(url, "GET /v1/alternativeDistributionPackageVariants/" .. manifest.variants[1].publicId).data
      local sum = shell.run(("curl -sSf '%s' | sha256sum"):format(variant.attributes.url)):match "%x+"
      assert.equal(variant.attributes.fileChecksum, sum)
      run("fault file_cut --url " .. url)
      assert.matches("curl: %(18%)", (shell.capture(("curl -sS -o /dev/null '%s'"):format(variant.attributes.url))))
      run("fault file_endless --url " .. url)
      assert.equal(5000000, tonumber((shell.run(("curl -sS '%s' 2>/dev/null | head -c 5000000 | wc -c"):format(
        variant.attributes.url)))))
    end)
  end)
end)
