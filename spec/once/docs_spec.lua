-- The pages in docs/, CONTRIBUTING.md and SECURITY.md: their commands exist, their Lua runs, their links lead
-- somewhere, and the operating guide names every metric and every log message there is, and no others.
package.path = "tools/?.lua;" .. package.path
local argparse = require "argparse"
local blocks = require "support.blocks"
local cli = require "marketplace.cli"
local core = require "marketplace.core"
local codes = require "marketplace.inbox.codes"
local luacats = require "luacats"
local marketplace = require "marketplace"
local metrics_server = require "marketplace.server.metrics"
local retries = require "marketplace.dispatcher.outcome"
local public = require "public"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local server = require "marketplace.server"
local shell = require "support.shell"
local simulated_api = require "support.simulated_api"
local socket = require "socket"
local superseded = require "marketplace.dispatcher.superseded"

local PAGES = {
  "README.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md", "examples/README.md",
  "examples/several-machines/README.md",
}
for path in shell.run "ls docs/*.md":gmatch "%S+" do PAGES[#PAGES + 1] = path end

-- Whose blocks readme_spec runs.
local is_typed = { ["README.md"] = true }
for _, path in ipairs(require "support.typed_pages") do is_typed[path] = true end

-- What is in a checkout; what make writes need not be there.
local FOLDERS = {}
for name in shell.run "ls -d */":gmatch "[^\n/]+" do FOLDERS[name] = not (name == "build" or name == "dist") end

-- The words of a command line, as a shell would have them; nil where it is not `marketplace`.
local function words_of(line)
  local command = line:gsub("^[%u_]+='[^']*' ", ""):gsub("^%S*bin/", "")
  if not command:find "^marketplace %l" then return nil end
  local words = {}
  local script = ("set -- %s\nfor word do printf '%%s\\n' \"$word\"; done"):format(line)
  local output, status = shell.capture("WEBHOOK=w DELIVERY=d SIGNATURE=s; " .. script)
  assert(status == 0, output)
  for word in output:gmatch "[^\n]+" do words[#words + 1] = word end
  while table.remove(words, 1):find "=" do end -- the environment, then the program
  return words
end

-- What the command's own parser says against a line; nil where it takes it.
local function problem_of(words)
  for place, word in ipairs(words) do
    if word == "--help" or word == "--version" and place == 1 then
      local quoted = {}
      for i, one in ipairs(words) do quoted[i] = "'" .. one .. "'" end
      local output, status = shell.capture(shell.marketplace(table.concat(quoted, " ")))
      return status ~= 0 and output or nil
    end
  end
  local ok, parsed = cli.parser(argparse):pparse(words)
  return not ok and parsed or nil
end

-- The first word of a command that may be told in part, without what it requires, that the command does not know.
local function unknown_word(words)
  local parser = cli.parser(argparse)
  for _, word in ipairs(words) do
    local found = word:sub(1, 2) ~= "--" and #parser._commands == 0
    for _, option in ipairs(parser._options) do
      for _, alias in ipairs(option._aliases) do found = found or alias == word end
    end
    for _, command in ipairs(parser._commands) do
      if command._name == word then parser, found = command, true end
    end
    if not found then return word end
  end
end

local function target_exists(target)
  local makefile = raw.read_file "Makefile"
  return ("\n" .. makefile):find("\n" .. target:gsub("%-", "%%-") .. ":", 1) ~= nil
end

local function check_line(line)
  if line:find "^%s*$" then return end
  local make = line:match "^make ([%w-]+)"
  if make then return assert.is_true(target_exists(make), line) end
  local words = words_of((line:gsub("%s+[<>|;&].*$", ""):gsub(";%s.*$", "")))
  if words then assert.is_nil(problem_of(words), line) end
end

describe("the page", function()
  after_each(raw.remove_files)

  for _, path in ipairs(PAGES) do
    local text = raw.read_file(path)

    for _, block in ipairs(blocks(text, "sh")) do
      it(path .. " has commands that there are: " .. block:match "[^\n]+", function()
        local output, status = shell.capture(("sh -n '%s'"):format(raw.write_file(block)))
        assert.are.equal(0, status, output)
        for line in block:gmatch "[^\n]+" do check_line(line) end
      end)
    end

    it(path .. " names commands in its text that there are", function()
      local plain = text:gsub("```.-```", "")
      for line in plain:gmatch "`(marketplace %l[^`\n]*)`" do
        assert.is_nil(unknown_word(words_of(line)), line)
      end
    end)

    it(path .. " names files and folders that there are", function()
      for name in text:gsub("```.-```", ""):gmatch "`([%w_.-]+/[%w_./-]*)`" do
        if FOLDERS[name:match "^[^/]+"] then
          assert.is_truthy(io.open(name) or io.open(path:match "^(.*/)" .. name), name)
        end
      end
    end)

    it(path .. " has links that lead somewhere", function()
      for target in text:gmatch "%]%(([^)]+)%)" do
        local file, anchor = target:match "^([^#]*)#?(.*)$"
        if not file:find "^https?:" then
          local found = path
          if file ~= "" then found = (path:match "^(.*/)" or "") .. file end
          local page = io.open(found)
          assert.is_truthy(page, path .. " -> " .. target)
          local headings = {}
          for heading in ("\n" .. page:read "*a"):gmatch "\n#+ ([^\n]+)" do
            headings[heading:lower():gsub("[^%w _-]", ""):gsub(" ", "-")] = true
          end
          page:close()
          assert.is_true(anchor == "" or headings[anchor] == true, path .. " -> " .. target)
        end
      end
    end)
  end

  for _, path in ipairs(PAGES) do
    if not is_typed[path] then
      for place, block in ipairs(blocks(raw.read_file(path), "lua")) do
        it(path .. " has Lua that runs: block " .. place, function()
          local printed = stub(_G, "print")
          finally(function() printed:revert() end)
          local register = dofile(raw.write_file(block))
          if type(register) ~= "function" then return end
          local receiver = marketplace.receiver { secrets = "s", log = function() end }
          register(receiver)
          for app, event in ipairs { "version_available", "app_unavailable", "app_restored" } do
            local body = samples.body(event, { app_id = tostring(app) })
            receiver:handle { method = "POST", body = body,
              headers = { ["x-apple-signature"] = marketplace.sign("s", body) } }
          end
          assert.are.equal(3, receiver:dispatch())
          local counts = receiver.inbox:counts()
          assert.are.equal(3, counts.done + receiver.inbox:backlog().codes.no_callback) -- none failed
          assert.is_true(counts.done > 0)
          assert.stub(printed).was.called()
        end)
      end
    end
  end
end)

describe("the handlers' guide", function()
  it("tells what each event is undone by", function()
    local text, expected, told = raw.read_file "docs/handlers.md", {}, {}
    local events = {
      "version_available", "versions_unavailable", "app_unavailable", "versions_restored", "app_restored",
    }
    local function about(event)
      return { event = event, package_ids = event:find "^version" and { "p" } or nil }
    end
    for _, event in ipairs(events) do
      for _, later in ipairs(events) do
        local undone = superseded.by(about(event), later, superseded.scope(about(later)))
        expected[event .. " by " .. later] = undone or nil
      end
    end
    for row in text:match "\n| this event |[^\n]*\n| %-%-%-[^\n]*\n(.-)\n\n":gmatch "[^\n]+" do
      local left, right = row:match "^| ([^|]*) | ([^|]*) |"
      for event in left:gmatch "`([^`]+)`" do
        for later in right:gmatch "`([^`]+)`" do told[event .. " by " .. later] = true end
      end
    end
    assert.are.same(expected, told)
  end)
end)

describe("the packages' guide", function()
  it("names the options that limit a worker, and what they are otherwise", function()
    local work
    for _, command in ipairs(cli.parser(argparse, "packages")._commands) do
      if command._name == "packages" then work = command end
    end
    for _, command in ipairs(work._commands) do
      if command._name == "work" then work = command end
    end
    local defaults, told = {}, {}
    for _, option in ipairs(work._options) do
      for _, alias in ipairs(option._aliases) do defaults[alias] = option._default or "none" end
    end
    local rows = raw.read_file "docs/packages.md":match "\n| option of `work` [^\n]*\n| %-%-%-[^\n]*\n(.-)\n\n"
    for row in rows:gmatch "[^\n]+" do
      local name, default = row:match "^| `(%-%-[%l-]+) [^|]* | ([^|]*) |"
      told[#told + 1] = name
      assert.equal(defaults[name], (default:gsub("`", "")), name)
    end
    assert.is_true(#told >= 6)
  end)
end)

describe("the page about nginx", function()
  it("names the options of init, and no others", function()
    local known, told = {}, {}
    local class = public.options()["marketplace.NginxOptions"]
    for _, field in ipairs(luacats.tags(class, "field")) do known[field.name] = true end
    local rows = raw.read_file "docs/nginx.md":match "\n| option of `init` |[^\n]*\n| %-%-%-[^\n]*\n(.-)\n\n"
    for row in rows:gmatch "[^\n]+" do
      for name in row:match "^|([^|]*)|":gmatch "`([^`]+)`" do told[name] = true end
    end
    assert.are.same(known, told)
  end)
end)

describe("the documentation's", function()
  local known = { ["ctx."] = {}, ["n."] = {}, ["receiver."] = {}, ["ctx:"] = {}, ["receiver:"] = {}, ["client:"] = {} }
  for object, class in pairs {
    ctx = { "Context", "dispatcher/context" }, receiver = { "Receiver", "receiver" },
    client = { "Client", "client/init" }, n = { "Notification", "notification" },
  } do
    local source = luacats.read(raw.read_file(public.path_of(class[2])))
    for _, one in ipairs(source.functions) do
      if one.owner == class[1] then known[object .. ":"][one.name] = true end
    end
    for _, block in ipairs(source.classes) do
      local is_class = known[object .. "."] and luacats.tags(block, "class")[1].name == "marketplace." .. class[1]
      for _, tag in ipairs(is_class and luacats.tags(block, "field") or {}) do known[object .. "."][tag.name] = true end
    end
  end

  for _, path in ipairs(PAGES) do
    it("names of fields and methods are there: " .. path, function()
      local code = {}
      for block in raw.read_file(path):gmatch "\n%s*```lua(.-)```" do code[#code + 1] = block end
      for word in raw.read_file(path):gsub("```.-```", ""):gmatch "`([^`\n]+)`" do code[#code + 1] = word end
      local text = table.concat(code, "\n"):gsub('"[^"\n]*"', '""')
      for object, separator, name in text:gmatch "%f[%w_](%l+)([.:])([%a_][%w_]*)" do
        local names = known[object .. separator]
        if names then assert.is_true(names[name], object .. separator .. name) end
      end
    end)
  end
end)

local guide = raw.read_file "docs/operating.md"

-- The names in the first column of the tables that begin with this head.
local function column(head)
  local names = {}
  for rows in guide:gmatch("\n| " .. head:gsub("%p", "%%%0") .. " |[^\n]*\n| %-%-%-[^\n]*\n(.-)\n\n") do
    for row in ("\n" .. rows):gmatch "\n| ([^|]*)" do
      for name in row:gmatch "`([^`]+)`" do names[name] = true end
    end
  end
  return names
end

local function sources()
  local text = {}
  for path in shell.run "find lua simulator -name '*.lua'":gmatch "%S+" do text[#text + 1] = raw.read_file(path) end
  return table.concat(text, "\n")
end

local function found_by(patterns, of)
  local found, text = {}, of or sources()
  for _, pattern in ipairs(patterns) do
    for one, other in text:gmatch(pattern) do
      found[one] = true
      if other and other ~= "" then found[other] = true end
    end
  end
  return found
end

-- The status of each outcome, or outcome and reason, as metrics count them: of a receiver that met all that can happen.
local function answered_by_a_receiver()
  local answered, working = {}, false
  local receiver = marketplace.receiver { secrets = "s", log = function() end, retry = { attempts = 1 } }
  receiver:on("ping", function() if not working then error "broken" end end)
  local function send(head)
    local before = receiver:counts()
    local status = receiver:receive(head, function() return head.body, head.fault end)
    for name, count in pairs(receiver:counts()) do
      if count ~= before[name] then answered[name] = status end
    end
  end
  local function post(body, signed_by) send { method = "POST", body = body, signature = signed_by } end
  local function signed(body) post(body, marketplace.sign("s", body)) end

  local ping = samples.body("ping", { id = "a" })
  signed(ping)
  signed(ping)
  signed(samples.body("ping", { id = "a", time = core.now() - 60 }))
  signed(samples.body("ping", { id = "b", time = 1 }))
  signed "no JSON"
  receiver:dispatch()
  working = true
  signed(ping)
  post(ping)
  post(ping, "hmacsha256=")
  post(ping, marketplace.sign("another", ping))
  send { method = "GET" }
  for _, fault in ipairs {
    "malformed", "no_length", "no_request", "timeout", "too_large", "overloaded", "unreadable",
  } do
    send { method = "POST", fault = fault, signature = marketplace.sign("s", "") }
  end
  send { method = "POST", encoding = "gzip", body = ping }
  local keyring = receiver.keyring
  local function check() return true end
  receiver.keyring = { check = check, receive = function() return nil, "as told", "crypto_failed" end }
  signed(ping)
  receiver.keyring = { check = check, receive = function() return 1, nil, "as told", "out_of_memory" end }
  signed(ping)
  receiver.keyring = keyring
  receiver.inbox.put = function() return nil, "as told", "inbox_unavailable" end
  signed(ping)
  receiver:drain()
  signed(ping)
  return answered, receiver
end

-- The same, also of a server, which refuses some on its own.
local function answered_by_a_server()
  local answered, receiver = answered_by_a_receiver()
  local listener = assert(server.open { receiver = receiver, log = function() end })
  finally(function() listener:stop() end)
  local host, port = listener:address()
  receiver.receive_many = function() error "broken" end
  for _, line in ipairs { "GET / HTTP/1.1", "GET / HTTP/1.1\r\nX-Apple-Signature: a", "PUT /healthz HTTP/1.1",
    "GET /notifications HTTP/1.1" } do
    local before, client = receiver:counts(), socket.tcp4()
    assert(client:connect(host, port))
    assert(client:send(line .. "\r\nHost: a\r\nConnection: close\r\n\r\n"))
    client:settimeout(0)
    local status
    repeat
      listener:step(0.01)
      status = client:receive "*l"
    until status
    client:close()
    for name, count in pairs(receiver:counts()) do
      if count ~= before[name] then answered[name] = tonumber(status:match " (%d+) ") end
    end
  end
  return answered
end

-- Seconds, as "5 h 13 min", "73 min" or "2.5 s".
local function seconds_of(length)
  local total = 0
  for count, unit in length:gmatch "([%d.]+) (%l+)" do
    total = total + tonumber(count) * ({ s = 1, min = 60, h = 3600 })[unit]
  end
  return total
end

describe("the operating guide's table of attempts", function()
  it("is what the dispatcher does", function()
    local rows = guide:match "\n| attempt | begins[^\n]*\n| %-%-%-[^\n]*\n(.-)\n\n"
    local checked = 0
    for row in rows:gmatch "[^\n]+" do
      local attempt, least, most = row:match "^| (%d+) | ([^|]+) | ([^|]+) |"
      for random, told in pairs { [0] = least, [1] = most } do
        local waits = retries.waits { attempts = 1000, base = 5, cap = 3600, random = function() return random end }
        local total = 0
        for n = 1, tonumber(attempt) - 1 do total = total + waits[math.min(n, #waits)] end
        local exact = total < 120 and 0.5 or 30
        assert.is_true(math.abs(total - seconds_of(told)) <= exact, row .. total)
        checked = checked + 1
      end
    end
    assert.is_true(checked >= 10)
  end)
end)

describe("the operating guide names", function()
  it("every code of dead notifications, and no other", function()
    local told = {}
    for code in guide:match "\n *| CODE |[^\n]*\n *| %-%-%-[^\n]*\n(.-)\n\n":gmatch "\n? *| `([%w_]+)` | " do
      told[code] = true
    end
    local known = {}
    for _, code in ipairs(codes.ALL) do known[code] = true end
    assert.are.same(known, told)
  end)

  it("only codes of packages that there are", function()
    local text, checked = {}, 0
    for path in shell.run "find lua/marketplace/packages csrc -name '*.[lch]*'":gmatch "%S+" do
      text[#text + 1] = raw.read_file(path)
    end
    text = table.concat(text, "\n")
    for code in pairs(column "code | what went wrong") do
      assert.is_truthy(text:find('"' .. code .. '"', 1, true), code)
      checked = checked + 1
    end
    assert.is_true(checked > 15)
  end)

  it("only metrics that there are", function()
    for name in guide:gmatch "marketplace_[%w_]+" do
      assert.is_true(column("metric")[name], name)
    end
  end)

  it("every metric, and no other", function()
    assert.are.same(found_by { 'metrics%.add%w*_?%w*%(lines, "(marketplace_[%w_]+)"' }, column "metric")
  end)

  it("every metric that a receiver, a server and packages show", function()
    local folder = shell.run "mktemp -d"
    finally(function() shell.run("rm -rf " .. folder) end)
    local packages = assert(marketplace.packages { folder = folder })
    local of_packages = assert(packages:metrics())
    packages:close()
    local receiver = marketplace.receiver { secrets = "s", log = function() end }
    receiver:on("*", assert(marketplace.forward { url = "https://example.com/" }))
    local shown = {}
    local of_server = metrics_server.connections({
      connections = 0, accepted = 0, evicted = 0, refused = 0, tls_expires_at = 0,
    }, 0)
    local of_device = require("marketplace.device.counts").new({}):text()
    local spotlight = assert(marketplace.spotlight { packages = folder, base_url = "https://market.example" })
    local dashboard = assert(marketplace.dashboard { inbox = receiver.inbox, token = ("t"):rep(16) })
    local all = receiver:metrics() .. of_server .. of_packages .. of_device .. spotlight:metrics() ..
      dashboard:metrics()
    spotlight:close()
    dashboard:close()
    for name in all:gmatch "# TYPE (%S+)" do shown[name] = true end
    assert.are.same(shown, column "metric")
  end)

  it("every outcome from the start, so that the first is an increase", function()
    local receiver = marketplace.receiver { secrets = "s", log = function() end }
    local expected, shown = {}, {}
    for name in pairs(answered_by_a_server()) do expected[name] = "0" end
    for outcome, reason, count in receiver:metrics():gmatch
      '\nmarketplace_requests_total{outcome="([^"]*)",reason="([^"]*)"} (%d+)' do
      shown[reason == "" and outcome or outcome .. ":" .. reason] = count
    end
    assert.are.same(expected, shown)
  end)

  it("every log message, and no other", function()
    local messages = found_by {
      '[{%s]level = "%l+",%s+message = "([^"]+)"', '[{%s]message = "([^"]+)",%s+level = ',
      'level = [%w.]+ and "%l+" or "%l+",%s+message = "([^"]+)"', 'level = [%w.]+ or "%l+",%s+message = "([^"]+)"',
      'log%(self, "%l+", "([^"]+)"', 'log%(self, [%w_]+ and "%l+" or "%l+", "([^"]+)"',
      'report%(%w+, %w+, "%l+", "([^"]+)"', 'return "info", "([^"]+)", "%l+"',
      'return "warning", "([^"]+)", "%l+"', 'return "error", "([^"]+)", "[%l_]+"',
      'outage%.new%([%w_.]+, "([^"]+)"', '"info", [%w_]+ and "([^"]+)" or "([^"]+)"',
      'message = [%w_.]+ and "([^"]+) %(',
    }
    for outcome, answered in pairs(answered_by_a_receiver()) do
      -- what is dead has a message of its own
      if answered == 200 and outcome ~= "dead" and outcome ~= "too_old" then messages[outcome] = true end
    end
    assert.are.same(messages, column "message")
  end)

  it("what nginx's workers say at their start", function()
    local words, checked = guide:gsub("%s+", " "), 0
    for said in pairs(found_by { 'ngx%.log%(ngx%.%u+, "marketplace: ([^"]+[^": ]):? *"' }) do
      assert.is_truthy(words:find(said, 1, true), said)
      checked = checked + 1
    end
    assert.are.equal(3, checked)
  end)

  it("all messages, as those that are no words where they are logged are handed over in these files only", function()
    local indirect = {}
    for path in shell.run "find lua simulator -name '*.lua'":gmatch "%S+" do
      local text = raw.read_file(path)
      for message in text:gmatch "level = [^\n]-message = ([^,\n]+)" do
        if not message:find '^"' then indirect[path:match "marketplace/(.*)%.lua"] = true end
      end
      if text:find "%.message, [%w_.]+ = level, message" then indirect[path:match "marketplace/(.*)%.lua"] = true end
    end
    assert.are.same({
      ["client/init"] = true, ["dashboard/init"] = true, ["dispatcher/report"] = true, ["nginx/worker"] = true,
      outage = true, receiver = true, ["server/listening"] = true,
      ["simulator/deliveries"] = true,
    }, indirect)
  end)

  it("every outcome of a request, every reason and its status, and no other", function()
    local outcomes, reasons = {}, {}
    for name, answered in pairs(answered_by_a_server()) do
      local outcome, reason = name:match "^([^:]+):?(.*)$"
      outcomes[outcome] = true
      if reason ~= "" then reasons[reason] = ("%s, %d"):format(outcome, answered) end
    end
    assert.are.same(outcomes, column "`outcome`")
    local documented = {}
    for row in guide:match "\n| `reason` |[^\n]*\n| %-%-%-[^\n]*\n(.-)\n\n":gmatch "[^\n]+" do
      local names, with = row:match "^| ([^|]*) | ([^|]*) |"
      for name in names:gmatch "`([^`]+)`" do documented[name] = with end
    end
    assert.are.same(reasons, documented)
  end)
end)

describe("the simulator's page", function()
  it("has commands that do what they say, one after the other", function()
    local api = simulated_api.start()
    finally(function() api:stop() end)
    local page = raw.read_file "docs/simulator.md":match "\n## Packages and their versions\n(.-)\n## A device\n"
    for _, block in ipairs(blocks(page, "sh")) do
      for line in block:gmatch "[^\n]+" do
        local output, status = shell.capture(shell.marketplace(line:match "^marketplace (.*)$", api:environment()))
        assert.equal(0, status, line .. "\n" .. output)
      end
    end
    local states = {}
    for _, version in ipairs(api:control("GET", "/versions").versions) do
      states[version.id] = ("%d %s %d+%d"):format(version.revision, version.state, version.variants, version.deltas)
    end
    assert.same({ "1 REPLACED 2+0", "2 REPLACED 2+3", "3 REPLACED 6+3" }, { states.v1, states.v2, states.v3 })
    assert.is_nil(states.v4)
  end)

  it("names every fault of files, and no other", function()
    local named, known = {}, {}
    for row in raw.read_file("docs/simulator.md"):gmatch "\n| (`file_[^|]*)" do
      for name in row:gmatch "`([^`]+)`" do named[name] = true end
    end
    for _, kind in ipairs(require("marketplace.simulator.faults").kinds()) do
      if kind:find "^file_" then known[kind] = true end
    end
    assert.same(known, named)
  end)

  it("names every error of the simulated device, and no other", function()
    local named, raised, text = {}, {}, raw.read_file "docs/simulator.md"
    for row in text:match("\n| error |.-\n\n"):gmatch "\n| (`[^|]*)" do
      for name in row:gmatch "`([^`]+)`" do named[name] = true end
    end
    for path in shell.run "find simulator/lua/marketplace/simulator/device -name '*.lua'":gmatch "%S+" do
      local source = raw.read_file(path)
      for name in source:gmatch 'problem%.raise%(%s*"(%a[%w_]*)"' do raised[name] = true end
      for name in source:gmatch 'local name = "(%a[%w_]*)"' do raised[name] = true end
    end
    assert.same(raised, named)
  end)

  it("names what can be said of an asset, and nothing else", function()
    local named, known = {}, {}
    local page = raw.read_file "docs/simulator.md"
    for name in page:match("\n| key |.-\n\n"):gmatch "\n| `([%w_]+)`" do named[name] = true end
    for _, tag in ipairs(luacats.tags(public.options()["marketplace.SimulatorAssetOptions"], "field")) do
      known[tag.name] = true
    end
    assert.same(known, named)
  end)
end)
