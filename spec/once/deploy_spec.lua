-- What is in deploy/: systemd takes the units, and Prometheus the alarms, each of which fires when it should; the
-- dashboard is what the list of metrics makes; logrotate rotates; containers start commands that there are.
local argparse = require "argparse"
local json = require "marketplace.json"
local cli = require "marketplace.cli"
local raw = require "support.raw_http"
local shell = require "support.shell"

local UNITS = shell.run "cd deploy/systemd && ls *.service *.timer"

-- What the command's own parser says against these words; nil if it takes them.
local function problem_of(words)
  local ok, parsed = cli.parser(argparse):pparse(words)
  return not ok and parsed or nil
end

-- Every column `name` of the guide's tables, as text.
local function rows_of(guide, name)
  local rows = {}
  local table_text = assert(guide:match("\n| " .. name .. " |[^\n]*\n| %-%-%-[^\n]*\n(.-)\n\n"))
  for row in (table_text .. "\n"):gmatch "| (.-) | [^\n]*\n" do rows[#rows + 1] = row end
  return rows
end

local folder

describe("what deploy has", function()
  setup(function() folder = shell.run "mktemp -d" end)
  teardown(function() shell.run("rm -rf " .. folder) end)

  describe("for systemd", function()
    local root

    -- A system with these units, systemd's own targets, and programs that units start.
    setup(function()
      root = folder .. "/root"
      shell.run(([[
        mkdir -p %s/usr/lib/systemd/system %s/usr/bin %s/bin %s/etc/systemd
        cp -r /usr/lib/systemd/system/*.target /usr/lib/systemd/system/*.slice %s/usr/lib/systemd/system
        cp -r deploy/systemd/*.service deploy/systemd/*.timer deploy/systemd/*.service.d %s/usr/lib/systemd/system
        for program in usr/bin/marketplace bin/sh; do install -m 755 /dev/null %s/$program; done
      ]]):gsub("%%s", root))
    end)

    it("are units that it takes", function()
      assert.equal("", shell.run(("systemd-analyze verify --man=no --root=%s %s"):format(root,
        UNITS:gsub("%s+", " "))))
    end)

    it("are services that can do little beside their work", function()
      local report = {}
      for unit in UNITS:gmatch "%S+%.service" do
        local output, status = shell.capture(("systemd-analyze security --no-pager --offline=yes --root=%s " ..
          "--threshold=15 %s"):format(root, unit))
        report[#report + 1] = status ~= 0 and output or nil
      end
      assert.same({}, report)
    end)

    -- The words of a command line, `values` being what its variables hold.
    local function words_of(line, values)
      local words = {}
      line = line:gsub("%$%$%b()", "now"):gsub("%$([%u_]+)", values)
      for word in line:gmatch "%S+" do words[#words + 1] = word end
      return words
    end

    -- What `text` gives the variables of options, in lines that match `pattern`.
    local function options_in(text, pattern)
      local values = {}
      for name, value in text:gmatch(pattern) do values[name] = value end
      return setmetatable(values, { __index = function(_, name) return name:find "_OPTIONS$" and "" or nil end })
    end

    it("start commands that there are, with their own options and with those that the file of options shows", function()
      local shown, checked = options_in(raw.read_file "deploy/etc/environment", "\n#(%u+_OPTIONS)=([^\n]*)"), 0
      for unit in UNITS:gmatch "%S+%.service" do
        local text = raw.read_file("deploy/systemd/" .. unit)
        for line in text:gmatch "/usr/bin/marketplace ([^\n']+)" do
          local own = options_in(text, '\nEnvironment="(%u+_OPTIONS)=([^"]*)"')
          for _, values in ipairs { own, shown } do
            assert.is_nil(problem_of(words_of(line, values)), unit .. ": " .. line)
          end
          for name in line:gmatch "%$(%u+_OPTIONS)" do assert.is_truthy(rawget(shown, name), name) end
          checked = checked + 1
        end
      end
      assert.equal(8, checked)
    end)

    it("have a timer for each service that ends by itself", function()
      for unit in UNITS:gmatch "(%S+)%.service" do
        local text = raw.read_file(("deploy/systemd/%s.service"):format(unit))
        local ends = text:find("\nType=oneshot\n", 1, true) ~= nil
        assert.equal(ends, UNITS:find(unit .. ".timer", 1, true) ~= nil, unit)
        assert.equal(not ends, text:find("\n[Install]\n", 1, true) ~= nil, unit)
      end
    end)
  end)

  describe("for Prometheus", function()
    local rules = raw.read_file "deploy/prometheus/marketplace.rules.yml"
    local tests = raw.read_file "deploy/prometheus/marketplace.rules.test.yml"
    local guide = raw.read_file "docs/operating.md"

    it("are alarms that it takes, and that fire when they should", function()
      local output = shell.run("cd deploy/prometheus && promtool check rules marketplace.rules.yml && " ..
        "promtool test rules marketplace.rules.test.yml")
      assert.matches("SUCCESS: %d+ rules found.*\n  SUCCESS", output)
    end)

    it("are alarms of which each has a test that it fires, and one that it does not", function()
      local checked = 0
      for name in rules:gmatch "%- alert: (%w+)" do
        assert.is_truthy(tests:find("alertname: " .. name .. "\n        exp_alerts:", 1, true), name)
        assert.is_truthy(tests:find("alertname: " .. name .. " }", 1, true), name)
        checked = checked + 1
      end
      assert.is_true(checked > 15)
    end)

    -- Each thing that is measured in the guide's table.
    it("are alarms for all that the operating guide names", function()
      local checked = 0
      for _, row in ipairs(rows_of(guide, "alert")) do
        local expression = row:match "^`([^`]+)`" or row
        local metric = expression:match "marketplace_[%w_]+" or expression:match "^%l+" or row
        local labels = expression:match '{code="%l+' or expression:match '{state="%l+' or ""
        if metric:find "^`?marketplace reconcile" then metric = "node_systemd_unit_state" end
        assert.is_truthy(rules:find(metric .. labels, 1, true), row)
        checked = checked + 1
      end
      assert.is_true(checked > 15)
    end)

    it("and for Grafana, name metrics that there are", function()
      for _, text in ipairs { rules, raw.read_file "deploy/grafana/marketplace.json" } do
        for name in text:gmatch "marketplace_[%w_]+" do
          if name ~= "marketplace_" then
            assert.is_truthy(guide:find("| `" .. name:gsub("_bucket$", "") .. "` |", 1, true), name)
          end
        end
      end
    end)
  end)

  describe("for Grafana", function()
    it("is what the list of metrics makes", function()
      shell.run(("%s tools/grafana.lua %s"):format(shell.LUA, folder))
      assert.equal(raw.read_file(folder .. "/deploy/grafana/marketplace.json"),
        raw.read_file "deploy/grafana/marketplace.json", "run make docs")
    end)

    it("has a panel for each metric, with queries that Prometheus takes", function()
      local dashboard = json.decode(raw.read_file "deploy/grafana/marketplace.json")
      local rules, shown = { "groups: [{ name: dashboard, rules: [" }, {}
      for _, panel in ipairs(dashboard.panels) do
        for _, target in ipairs(panel.targets or {}) do
          local expression = target.expr:gsub("%$__rate_interval", "5m")
          shown[expression:match "marketplace_[%w_]+":gsub("_bucket$", "")] = true
          rules[#rules + 1] = ("{ record: a%d, expr: '%s' },"):format(#rules, expression)
        end
      end
      rules[#rules + 1] = "] }]\n"
      local path = folder .. "/dashboard.yml"
      local file = assert(io.open(path, "w"))
      file:write(table.concat(rules, "\n"))
      file:close()
      shell.run("promtool check rules " .. path)
      for name in raw.read_file "docs/operating.md":gmatch "\n| `(marketplace_[%w_]+)` | %l+ |" do
        assert.is_true(shown[name], name)
      end
    end)
  end)

  it("for logrotate copies a log and empties it, though a process has it open", function()
    local log = folder .. "/log"
    shell.run(("mkdir -m 755 %s && sed 's|/var/log/marketplace|%s|' deploy/logrotate/marketplace > %s/logrotate && " ..
      "chmod 644 %s/logrotate"):format(log, log, folder, folder))
    local file = assert(io.open(log .. "/serve.log", "a"))
    file:write "one line\n"
    file:flush()
    shell.run(("logrotate --force --state %s/state %s/logrotate"):format(folder, folder))
    file:write "another\n"
    file:close()
    assert.equal("another", shell.run(("cat %s/serve.log"):format(log)))
    assert.equal("one line", shell.run(("cat %s/serve.log-*"):format(log)))
  end)

  describe("for containers", function()
    local compose

    setup(function()
      compose = json.decode(shell.run("python3 -c 'import json, yaml; " ..
        "print(json.dumps(yaml.safe_load(open(\"deploy/compose.yaml\"))))'"))
    end)

    -- The image's own, as tools/dockerfile.lua reads them: the words of each step, by its name.
    local function image()
      local steps = {}
      for line in shell.run(shell.LUA .. " tools/dockerfile.lua deploy/Dockerfile"):gmatch "[^\n]+" do
        local words = {}
        for word in line:gmatch "'([^']*)'" do words[#words + 1] = word end
        steps[line:match "^%l+"] = words
      end
      return steps
    end

    it("are started with commands that there are", function()
      local steps = image()
      assert.same({ "marketplace" }, steps.entrypoint)
      assert.is_nil(problem_of(steps.command))
      for _, name in ipairs { "receiver", "worker", "dashboard" } do
        assert.is_nil(problem_of(compose.services[name].command), name)
      end
    end)

    it("run as somebody who is not root, on what is read-only, without capabilities", function()
      assert.matches("^[1-9]%d*:[1-9]%d*$", image().user[1])
      assert.is_truthy(compose.services.database.user)
      for name, service in pairs(compose.services) do
        assert.is_true(service.read_only, name)
        assert.same({ "ALL" }, service.cap_drop, name)
        assert.same({ "no-new-privileges:true" }, service.security_opt, name)
      end
    end)

    it("have a health check: the receiver by its readiness", function()
      assert.matches("/readyz$", table.concat(image().healthcheck, " "))
      assert.is_nil(compose.services.receiver.healthcheck)
      for _, name in ipairs { "worker", "dashboard", "database" } do
        assert.is_truthy(compose.services[name].healthcheck, name)
      end
    end)

    it("get secrets as files only, and only those that are declared", function()
      for name, service in pairs(compose.services) do
        for _, secret in ipairs(service.secrets) do assert.is_truthy(compose.secrets[secret], secret) end
        for variable, value in pairs(service.environment) do
          assert.is_nil(variable:find "PASSWORD$" or value:find "://[^@/]*:", name .. ": " .. variable)
        end
      end
    end)

    it("are open on this machine only, and the database in no network that leads outside", function()
      assert.same({ "inside" }, compose.services.database.networks)
      assert.is_true(compose.networks.inside.internal)
      for _, service in pairs(compose.services) do
        for _, port in ipairs(service.ports or {}) do assert.matches("^127%.0%.0%.1:", port) end
      end
    end)

    it("begin from steps of which none is taken for another", function()
      local path = folder .. "/Dockerfile"
      for line, problem in pairs {
        ["ADD a b"] = "a step that is not known", ["COPY --chown=1 a b"] = "one source and one target",
        ["CMD marketplace"] = "only the form of a list is known", ["FROM ${NONE}"] = "NONE is not known",
      } do
        shell.run(("printf '%%s\n' '%s' > %s"):format(line, path))
        local output, status = shell.capture(shell.LUA .. " tools/dockerfile.lua " .. path)
        assert.equal(1, status, line)
        assert.matches(problem, output, 1, true)
      end
    end)
  end)
end)
