-- What the manual page and the completions are made of says all that they need.
local argparse = require "argparse"
local cli = require "marketplace.cli"
local each_command = require "support.each_command"
local raw = require "support.raw_http"
local shell = require "support.shell"

local function check_described(elements, where)
  for _, element in ipairs(elements) do
    local name = element._name or element._aliases[1]
    assert.is_truthy(element._description and element._description:find "%S", where .. " " .. name)
  end
end

local function check_once(options, where)
  local seen = {}
  for _, option in ipairs(options) do
    for _, alias in ipairs(option._aliases) do
      assert.is_nil(seen[alias], ("%s has %s twice"):format(where, alias))
      seen[alias] = true
    end
  end
end

-- The system's own, as every program reads them.
local IS_OF_SYSTEM = { PATH = true, PWD = true }

describe("the command's own description", function()
  it("has a sentence for every command, option and argument", function()
    local seen = 0
    each_command(cli.parser(argparse), "marketplace", function(command, name)
      assert.is_truthy(command._description and command._description:find "%S", name)
      check_described(command._options, name)
      check_once(command._options, name)
      check_described(command._arguments, name)
      seen = seen + 1
    end)
    assert.is_true(seen > 30)
  end)

  it("names every variable and every setting that the source reads", function()
    local sections = dofile "tools/man_sections.lua"
    local named = {}
    for _, list in ipairs { sections.ENVIRONMENT, sections.FILES } do
      for _, one in ipairs(list) do named[#named + 1] = one[1] .. " " .. one[2] end
    end
    named = table.concat(named, "\n")
    local read = shell.run("cat $(find lua simulator/lua -name '*.lua' -not -path '*/nginx/*') " ..
      "$(ls csrc/*/*.c | grep -v '/test/\\|/coverage/\\|/torture/')")
    for _, pattern in ipairs { 'getenv *%(?"(%u[%u_]+)"', 'environment *%(?"(%u[%u_]+)"', '"(MARKETPLACE_[%u_]+)"' } do
      for name in read:gmatch(pattern) do
        assert.is_truthy(IS_OF_SYSTEM[name] or named:find(name, 1, true), name .. " is not in the manual page")
      end
    end
    local settings = raw.read_file "lua/marketplace/cli/support/config.lua":match "local READ = {(.-)\n}"
    for name in settings:gmatch "([%l_]+) =" do
      assert.is_truthy(named:find(name, 1, true), name .. " is not in the manual page")
    end
  end)

  it("becomes a manual page and completions with every command and option", function()
    local folder = shell.run "mktemp -d"
    finally(function() shell.run("rm -rf " .. folder) end)
    shell.run(("mkdir %s/man %s/completion && %s tools/man.lua %s"):format(folder, folder, shell.LUA,
      folder))
    local function written(name) return raw.read_file(folder .. "/" .. name) end
    local page = written "man/marketplace.1":gsub("\\%-", "-")
    for _, heading in ipairs { "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES" } do
      assert.is_truthy(page:find("\n.SH " .. heading .. "\n.TP\n", 1, true), heading)
    end
    assert.equal("", shell.run("man --warnings -l " .. folder .. "/man/marketplace.1 2>&1 >/dev/null || true"))
    local scripts = {}
    for _, ending in ipairs { "bash", "zsh", "fish" } do
      scripts[ending] = written("completion/marketplace." .. ending)
    end
    each_command(cli.parser(argparse), "marketplace", function(command, name)
      if name ~= "marketplace" then
        assert.is_truthy(page:find("\n.SS " .. name:gsub("^marketplace ", "") .. "\n", 1, true), name)
      end
      for _, option in ipairs(command._options) do
        for _, alias in ipairs(option._aliases) do
          assert.is_truthy(page:find(alias, 1, true), name .. " " .. alias)
          for ending, script in pairs(scripts) do
            local word = ending == "fish" and alias:gsub("^%-+", "") or alias
            assert.is_truthy(script:find(word, 1, true), ending .. ": " .. name .. " " .. alias)
          end
        end
      end
    end)
  end)
end)
