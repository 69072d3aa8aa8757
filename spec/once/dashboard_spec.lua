-- The command `marketplace dashboard`: its token, its server, what it refuses, what it shows of an inbox of others.
local forms = require "marketplace.dashboard.forms"
local json = require "marketplace.json"
local raw = require "support.raw_http"
local shell = require "support.shell"

describe("marketplace dashboard", function()
  local folder, origin

  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  local function command(arguments)
    return shell.marketplace(("dashboard --json --token-file %s/token --inbox sqlite:%s/inbox.db %s"):format(folder,
      folder, arguments or ""))
  end

  local function with_dashboard(arguments, use)
    return shell.with_server(command("--port 0 " .. (arguments or "")), function(url, ...)
      origin = url
      use(...)
    end)
  end

  local function write(name, bytes)
    local path = folder .. "/" .. name
    local file = assert(io.open(path, "wb"))
    file:write(bytes)
    file:close()
    return path
  end

  local function token() return raw.read_file(folder .. "/token"):match "%x+" end

  local function get(path, cookie)
    return raw.answer(raw.connect(origin, ("GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"):format(path,
      cookie and "Cookie: " .. cookie .. "\r\n" or "")))
  end

  local function post(path, fields)
    return raw.answer(raw.connect(origin, raw.post(forms.query(fields):sub(2), {
      "Content-Type: application/x-www-form-urlencoded",
    }, path)))
  end

  local function sign_in(with)
    local answer = post("/login", { token = with or token() })
    return answer.headers["set-cookie"] and answer.headers["set-cookie"]:match "^[^;]+", answer.status
  end

  local function put(id)
    local handlers = write("handlers.lua", "return function() end")
    shell.with_server(shell.marketplace(("serve %s --json --port 0 --no-dispatch --inbox sqlite:%s/inbox.db"):format(
      handlers, folder), "env MARKETPLACE_SECRET=s"), function(url)
      shell.run(shell.marketplace(("send ping --id %s --url %s"):format(id, url), "env MARKETPLACE_SECRET=s"))
    end)
  end

  it("makes a token that only its owner can read, and shows an inbox that may come later", function()
    local first
    local output, status = with_dashboard(nil, function(pid, pipe)
      first = token()
      assert.equal("600", shell.run("stat -c %a " .. folder .. "/token"))
      assert.equal(64, #token())
      assert.equal(303, get("/").status)
      local cookie = sign_in()
      assert.equal(503, get("/", cookie).status)
      assert.equal(200, get("/healthz").status)
      put "first"
      local page = get("/", cookie)
      assert.same({ 200, "text/html; charset=utf-8" }, { page.status, page.headers["content-type"] })
      assert.is_truthy(page.body:find("first", 1, true))
      local _, refused = sign_in "wrong"
      assert.equal(401, refused)
      write("token", ("n"):rep(20) .. "\n")
      shell.run("kill -HUP " .. pid)
      repeat until pipe:read "*l":find "tokens reread"
      assert.equal(303, get("/", cookie).status)
      assert.equal(200, get("/", (sign_in(("n"):rep(20)))).status)
    end)
    assert.equal(0, status)
    assert.is_truthy(output:find('"stopped"', 1, true), output)
    assert.is_nil(output:find(first, 1, true))
  end)

  it("asks for HTTPS alone once it is served so, and counts", function()
    local cert, key = raw.certificate()
    local paths = ("--tls-cert %s --tls-key %s"):format(write("cert", cert), write("key", key))
    with_dashboard(paths .. " --metrics-port 0 --path /ops/", function(_, pipe)
      local asked = "curl --silent --insecure -i " .. origin
      assert.matches("^https://127.0.0.1:%d+/ops/$", origin)
      local answer = shell.run(("%slogin -d token=%s -H 'Origin: %s'"):format(asked, token(), origin:match "^(.*)/ops"))
      assert.is_truthy(answer:lower():find "set%-cookie: __host%-marketplace_%x+=.*; secure", answer)
      local metrics = json.decode(pipe:read "*l").url
      local text = shell.run("curl --silent " .. metrics)
      assert.is_truthy(text:find('marketplace_dashboard_answers_total{page="login",status="303"} 1', 1, true), text)
      assert.is_truthy(text:find("marketplace_tls_expires_at", 1, true), text)
    end)
  end)

  it("says what is wrong with how it is used", function()
    for arguments, pattern in pairs {
      ["--inbox memory"] = "an inbox in memory belongs to the process that receives",
      ["--allow-host a:1"] = "--allow-host must be a name without a port",
      ["--path ops"] = "--path must begin with a slash",
      ["--port 70000"] = "--port must be a whole number",
      ["--trusted-proxy x"] = "--trusted-proxy",
      ["--host unix:/a"] = "--host must be an address",
      ["--tls-cert a"] = "--tls-cert and --tls-key go together",
    } do
      local output, status = shell.capture(command(arguments))
      assert.equal(2, status, output)
      assert.is_truthy(output:find(pattern, 1, true), output)
    end
    write("token", "short\n")
    local output, status = shell.capture(command())
    assert.equal(1, status)
    assert.is_truthy(output:find("token 1 is shorter than 16 bytes", 1, true), output)
    assert.is_nil(output:find('"short"', 1, true))
  end)
end)
