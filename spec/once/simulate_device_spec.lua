-- The command `marketplace simulate device`, against servers beside it.
local certificates = require "support.certificates"
local core = require "marketplace.core"
local http = require "marketplace.http"
local json = require "marketplace.json"
local market = require "support.market"
local packages = require "support.packages"
local raw = require "support.raw_http"
local shell = require "support.shell"
local wait_until = require "support.wait_until"

local APP = packages.ITEM
local ASSET = ("/packages/1/variant/%s.ipa"):format(packages.uuid(12))

describe("marketplace simulate device", function()
  local folder, url

  setup(function()
    folder = shell.run "mktemp -d"
    certificates.make(folder, certificates.VALID)
  end)
  teardown(function() shell.run("rm -rf " .. folder) end)
  after_each(function() os.remove(folder .. "/phone.json") end)

  local function with_market(use)
    local command = ("tools/with-lua %s %s spec/support/market_process.lua %s/server.crt %s/server.key"):format(
      shell.LUA, shell.LUA, folder, folder)
    shell.with_server(command, function(found)
      url = found
      use()
    end)
  end

  local function change(answers)
    local response = assert(http.exchange {
      method = "POST", url = url .. "/change", body = json.encode(answers), ca_file = folder .. "/ca.crt",
    })
    assert(response.status == 200, response.body)
  end

  local function command(arguments)
    return shell.marketplace(("simulate device %s --state %s/phone.json"):format(arguments, folder))
  end

  local function online(arguments)
    return ("%s --domain %s --ca-file %s/ca.crt"):format(arguments, url:match "^https://(.*)", folder)
  end

  local function expect(status, arguments, pattern)
    local output, got = shell.capture(command(arguments))
    assert.equal(status, got, output)
    assert.matches(pattern, output)
    return output
  end

  local function state() return json.decode((assert(core.read_file(folder .. "/phone.json")))) end

  it("installs, lists, updates, restores and removes an app, and keeps what it has", function()
    with_market(function()
      expect(0, online("install " .. APP), ("app %s: installed 1.1 %%(1%%) by variant/.*.ipa, 4.00 kB"):format(APP))
      assert.equal("600", shell.run(("stat -c %%a %s/phone.json"):format(folder)))
      expect(0, "list --table", "APP +VERSION.*" .. APP .. " +1.1 +42 +1 +1 +com.example.game")
      expect(0, "update --table --ca-file " .. folder .. "/ca.crt", APP .. " +updated +1.2 +2 +delta/")
      expect(0, "list", '"apple_version_id":"2"')
      expect(1, online "restore", '"error":"mismatchedInstallType".*"outcome":"failed"')
      expect(1, online("install " .. APP .. " --json"), '"error":"mismatchedInstallType"')
      expect(0, "remove " .. APP, "app " .. APP .. ": removed")
      expect(1, online "update", "appNotInstalled: no app is on the device")
    end)
  end)

  it("does what its page says", function()
    assert(core.replace_file(folder .. "/headers.txt", "Authorization: Bearer TOKEN\n"))
    with_market(function()
      local chapter = raw.read_file "docs/simulator.md":match "\n## A device\n.-\n```sh\n(.-)```"
      local commands = 0
      change { ["/device/install"] = "signed_in", ["/device/updates"] = "signed_in" }
      for line in chapter:gmatch "[^\n]+" do
        local arguments = line:match "^marketplace simulate device (.*)$":gsub("%d+", APP)
        arguments = arguments:gsub("%-%-domain %S+", function() return online "" end)
        if arguments:find "^[ur]%l+e " and arguments:find "header" then
          arguments = ("%s --ca-file %s/ca.crt"):format(arguments, folder)
        end
        arguments = arguments:gsub("headers.txt", folder .. "/headers.txt")
        local restores = json.encode { restores = { market.new(url):offer "2" } }
        change { ["/device/restore"] = { status = 200, body = restores } }
        expect(0, arguments, APP)
        commands = commands + 1
      end
      assert.equal(5, commands)
    end)
  end)

  it("is another device if it is told so, and stays that", function()
    with_market(function()
      expect(0, online("install " .. APP .. " --model iPad14,6-A --system 17.4"), "installed")
      expect(0, "update --json --ca-file " .. folder .. "/ca.crt", "variant/00000018")
      assert.same({ "iPad14,6-A", "17.4" }, { state().model, state().system })
    end)
  end)

  it("verifies certificates, wherever it connects to", function()
    with_market(function()
      local port = url:match "%d+$"
      expect(1, ("install %s --domain localhost:%s"):format(APP, port), "networkError: .*certificate")
      expect(1, ("install %s --domain market.example --connect 127.0.0.1:%s --ca-file %s/ca.crt"):format(APP, port,
        folder), "networkError: https://market.example/")
      expect(0, ("install %s --domain localhost --connect 127.0.0.1:%s --ca-file %s/ca.crt"):format(APP, port, folder),
        "installed")
    end)
  end)

  it("reads no more than a device would, and does not need the memory", function()
    with_market(function()
      local limited = "ulimit -v 200000; " .. command(online("install " .. APP))
      for path, reason in pairs {
        ["/.well-known/marketplace-kit"] = "kit is larger than 8 MiB",
        ["/packages/1/manifest.json"] = "invalidManifest: .* is larger than 16777216 bytes",
        ["/packages/1/signature"] = "invalidAlternativeDistributionPackageSignature: .* is larger than 1048576 bytes",
        [ASSET] = "larger than the 4000 bytes that the manifest says",
        ["/device/install"] = "networkError: .*/device/install: ",
      } do
        local kept = market.new(url)
        change { [path] = "large" }
        local output, status = shell.capture(limited)
        assert.same({ 1, true }, { status, output:find(reason) ~= nil }, output)
        change { [path] = kept.files[path] or { status = 200, body = json.encode(path:find "known" and kept.known or
          kept:offer "1") } }
      end
      assert.equal(0, select(2, shell.capture(limited)))
    end)
  end)

  it("keeps the old state if it is killed in the middle, and goes on with it", function()
    with_market(function()
      expect(0, online("install " .. APP), "installed")
      change { [("/packages/2/delta/%s.ipa"):format(packages.uuid(25))] = "slow" }
      local before = core.read_file(folder .. "/phone.json")
      local pipe, pid = shell.in_background(command(online "update") .. " 2>&1")
      wait_until("the update does not begin", function() return shell.exists(folder .. "/phone.json.lock") end)
      local output, status = shell.capture(command(online "update"))
      assert.equal(1, status)
      assert.matches("another device is running with this state", output)
      shell.run("kill -9 " .. pid)
      pipe:close()
      assert.equal(before, core.read_file(folder .. "/phone.json"))
      expect(0, online "update", '"outcome":"updated"')
    end)
  end)

  it("says what is wrong with its arguments", function()
    for arguments, pattern in pairs {
      ["install 5"] = "%-%-domain DOMAIN is missing", ["install chess --domain x"] = "name an app by Apple's id",
      ["update --domain a/b"] = "%-%-domain must be", ["update --domain x --model 'my phone'"] = "%-%-model must be",
      ["update --domain x --system ios"] = "%-%-system must be", ["update --domain x --header no"] = "%-%-header must",
      ["update --domain x --connect 'a b'"] = "%-%-connect must be", ["update --platform macOS"] = "%-%-platform",
    } do expect(2, arguments, pattern) end
    expect(1, "install 5 --domain localhost:1 --token-key /nowhere", "/nowhere")
    expect(1, "install 5 --domain localhost:1 --header-file /nowhere", "/nowhere")
    assert(core.replace_file(folder .. "/phone.json", "{"))
    expect(1, "list", "state of the device is damaged: .*/phone.json. Remove it to begin with a new device")
  end)
end)
