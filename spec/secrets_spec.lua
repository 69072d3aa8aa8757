-- No secret, key or token in anything that any command writes, under --verbose, --dry-run and --json, whether it
-- succeeds or fails.
local core = require "marketplace.core"
local shell = require "support.shell"
local simulated_api = require "support.simulated_api"

local SECRET = core.random_hex(16)
local PROXIED = "http://127.0.0.1:1"

describe("what commands write", function()
  local api, folder

  setup(function()
    api = simulated_api.start()
    folder = shell.run "mktemp -d"
  end)
  teardown(function()
    api:stop()
    shell.run("rm -rf " .. folder)
  end)

  local function write(name, text)
    local path = folder .. "/" .. name
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    return path
  end

  -- What must not be seen, by what it is.
  local function secrets()
    local key = assert(io.open(api.key_file, "rb"))
    local pem = key:read "*a"
    key:close()
    local hidden = { ["the webhook's secret"] = SECRET, ["a token"] = "eyJ" }
    for line in pem:gmatch "[^\n]+" do
      if #line > 20 and not line:find("-----", 1, true) then hidden["the key: " .. line:sub(1, 4)] = line end
    end
    return hidden
  end

  local function check(command, output)
    for what, secret in pairs(secrets()) do
      assert.is_nil(output:find(secret, 1, true), ("%s shows %s:\n%s"):format(command, what, output))
    end
  end

  local function run(arguments, environment)
    local all = ("%s MARKETPLACE_SECRET=%s %s"):format(api:environment(), SECRET, environment or "")
    local output, status = shell.capture(("cd %s && %s"):format(folder,
      shell.marketplace(arguments, all):gsub("bin/marketplace", shell.run "pwd" .. "/%0")))
    check(arguments, output)
    return output, status
  end

  local function created()
    local output = run "webhooks create --app 6740012345 --name x --url https://x.example/n --json --verbose"
    return assert(output:match '"id":"([^"]+)"', output)
  end

  local MANY = {
    "webhooks list --app 6740012345 --verbose", "webhooks list --app none --verbose --json",
    "webhooks list --generation 1 --verbose", "webhooks ping <id> --verbose", "webhooks deliveries <id> --verbose",
    "webhooks update <id> --secret-file <secrets> --verbose", "webhooks redeliver none --verbose",
    "webhooks create --app 6740012345 --name y --url https://y.example --dry-run --verbose --json",
    "webhooks create --generation 1 --url https://y.example --dry-run --verbose",
    "webhooks create --generation 1 --url https://y.example --verbose",
    "webhooks update <id> --secret-file <secrets> --dry-run --verbose",
    "webhooks migrate --app 6740012345 --yes --verbose", "webhooks delete <id> --yes --dry-run --verbose",
    "webhooks rotate-secret <id> --secret-file <secrets> --inbox sqlite:<inbox> --yes --not-shared --dry-run --verbose",
    "webhooks rotate-secret <id> --secret-file <secrets> --inbox sqlite:<inbox> --yes --dry-run --verbose",
    "webhooks rotate-secret <id> --secret-file <secrets> --inbox sqlite:<inbox> --yes --not-shared --no-probe --wait 0",
    "webhooks rotate-secret <id> --secret-file <secrets> --inbox sqlite:<inbox> --yes --not-shared --abort",
    "reconcile --app 6740012345 --inbox sqlite:<inbox> --verbose --json", "reconcile --webhook none --verbose",
    "token --key-file /dev/null", "token --key-file <secrets>", "verify --signature x <secrets>",
    "explain --signature x --json <inbox>", "inbox stats --inbox sqlite:<inbox> --json",
  }

  it("has no secret in it", function()
    local id, secret_file, inbox = created(), write("secrets", SECRET .. "\n"), folder .. "/inbox.db"
    assert(require("marketplace.inbox").open("sqlite:" .. inbox)):close()
    for _, arguments in ipairs(MANY) do
      local filled = arguments:gsub("<id>", id):gsub("<secrets>", secret_file):gsub("<inbox>", inbox)
      local output = run(filled)
      assert.is_truthy(#output > 0, filled)
      assert.is_nil(output:find("stack traceback", 1, true), output)
    end
  end)

  it("has none if requests fail", function()
    local id, secret_file = created(), write("secrets", SECRET .. "\n")
    for _, kind in ipairs { "401", "403", "500_after", "502_html", "wrong_type", "empty", "cut_after" } do
      api:control("POST", "/faults", { kind = kind, times = 5 })
      run(("webhooks update %s --secret-file %s --verbose --timeout 2"):format(id, secret_file))
      run("webhooks create --app 6740012345 --name z --url https://z.example/n --verbose --timeout 2")
      api:control("DELETE", "/faults")
    end
    run("webhooks list --app 6740012345 --verbose --timeout 1", "MARKETPLACE_API_URL=" .. PROXIED)
    run("webhooks list --app 6740012345 --verbose --timeout 1", "MARKETPLACE_API_URL=http://example.com")
    run("webhooks list --app 6740012345 --verbose", "MARKETPLACE_ISSUER_ID=wrong")
  end)

  it("has none when notifications come", function()
    local secret_file = write("secrets", SECRET .. "\n")
    local command = shell.marketplace(("serve examples/marketplace.lua --port 0 --inbox memory --verbose --json " ..
      "--secret-file %s"):format(secret_file))
    local output = shell.with_server(command, function(url)
      run(("send ping --url %s --secret-file %s"):format(url, secret_file))
      run(("send ping --signature hmacsha256=%s --url %s"):format(("0"):rep(64), url))
    end)
    check("serve", output)
  end)

  it("has none in what the simulator writes", function()
    check("simulate", api:output())
    assert.is_truthy(api:output():find("POST", 1, true))
  end)
end)
