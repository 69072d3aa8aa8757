-- What is installed, and how: by LuaRocks from a tarball and from a checkout, and by make.
local shell = require "support.shell"

local LUA = shell.LUA
local VERSION = LUA == "luajit" and "5.1" or LUA:match "%d%.%d"
local ROCKS = { "lua-marketplace", "lua-marketplace-server", "lua-marketplace-redis" }

-- LuaRocks asks for one interpreter of each version of Lua; LuaJIT is another of 5.1.
local LUAROCKS_CONFIG = LUA == "luajit"
  and 'lua_interpreter = "luajit"\nvariables = { LUA_INCDIR = "/usr/include/luajit-2.1" }\n' or ""

-- As a program elsewhere: everything of ours is where `root` has it.
local function run_from(root, folder, command)
  return shell.run(([[
    cd %s
    export LUA_PATH='%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua;;'
    export LUA_CPATH='%s/lib/lua/%s/?.so;;'
    %s
  ]]):format(folder, root, VERSION, root, VERSION, root, VERSION, command))
end

local PROGRAM = [[
  local marketplace = require "marketplace"
  require "marketplace.http_server"
  require "marketplace.redis"
  local inbox = assert(marketplace.receiver { secrets = "s" })
  local body = [=[{"data":{"type":"webhookPingCreated","id":"p1"}}]=]
  local status = inbox:handle { method = "POST", headers = { ["x-apple-signature"] = marketplace.sign("s", body) },
    body = body }
  print(status, package.searchpath and package.searchpath("marketplace.core", package.cpath) or "")
]]

local function check_installed(root, elsewhere)
  local answer = run_from(root, elsewhere, LUA .. " -e '" .. PROGRAM:gsub("\n%s*", " ") .. "'")
  assert.matches("^200", answer)
  if answer:find "/" then assert.matches(root, answer, 1, true) end
  assert.matches("^marketplace %d", run_from(root, elsewhere, root .. "/bin/marketplace --version"))
end

describe("packaging", function()
  local folder, tarball

  setup(function()
    folder = shell.run "mktemp -d"
    shell.run "umask 077; tools/dist lua-marketplace-scm"
    tarball = folder .. "/first.tar.gz"
    shell.run("mv dist/lua-marketplace-scm.tar.gz " .. tarball)
  end)

  teardown(function() shell.run("rm -rf " .. folder) end)

  it("makes the same tarball of the same source, without what was built", function()
    shell.run "tools/dist lua-marketplace-scm"
    assert.equal("", shell.run("cmp dist/lua-marketplace-scm.tar.gz " .. tarball))
    local names = shell.run("tar -tf " .. tarball)
    assert.matches("lua-marketplace-scm/csrc/core/signature.c\n", names, 1, true)
    assert.matches("lua-marketplace-scm/README.md\n", names, 1, true)
    for _, name in ipairs { ".git/", "build/", "node_modules/", ".so\n", "dist/" } do
      assert.is_nil(names:find("lua-marketplace-scm/" .. name, 1, true), name)
    end
  end)

  it("by LuaRocks makes rocks from a tarball that run elsewhere", function()
    local root = folder .. "/tree"
    shell.run(("printf '%%s' '%s' > %s/luarocks.lua"):format(LUAROCKS_CONFIG, folder))
    shell.run(("mkdir %s/source && tar -C %s/source -xzf %s"):format(folder, folder, tarball))
    for _, rock in ipairs(ROCKS) do
      shell.run(("cd %s/source/lua-marketplace-scm && LUAROCKS_CONFIG=%s/luarocks.lua luarocks --lua-version %s " ..
        "--tree %s make --deps-mode none %s-scm-1.rockspec 2>&1"):format(folder, folder, VERSION, root, rock))
    end
    check_installed(root, folder)
  end)

  it("by make installs what runs elsewhere, with a manual page and completions", function()
    local root = folder .. "/destination/usr"
    shell.run(("make install LUA=%s DESTDIR=%s/destination PREFIX=/usr"):format(LUA, folder))
    check_installed(root, folder)
    for _, path in ipairs {
      "man/man1/marketplace.1", "bash-completion/completions/marketplace", "zsh/site-functions/_marketplace",
      "fish/vendor_completions.d/marketplace.fish",
    } do
      assert.is_true(#shell.run("cat " .. root .. "/share/" .. path) > 1000)
    end
    shell.run("bash -n " .. root .. "/share/bash-completion/completions/marketplace")
  end)

  it("has a manual page and completions that say what the command says", function()
    shell.run(("mkdir -p %s/man %s/completion"):format(folder, folder))
    shell.run(LUA .. " tools/man.lua " .. folder)
    assert.equal("", shell.run(("diff -r man %s/man; diff -r completion %s/completion"):format(folder, folder)))
  end)

  it("has rockspecs that LuaRocks finds no fault with", function()
    for _, rock in ipairs(ROCKS) do shell.run("luarocks lint " .. rock .. "-scm-1.rockspec") end
  end)

  describe("releases", function()
    local source

    local function release(arguments)
      return shell.run(("cd %s && { make release %s 2>&1; true; }"):format(source, arguments))
    end

    local function commit()
      shell.run(("cd %s && git add -A && git -c user.name=n -c user.email=e@localhost commit -qm m"):format(source))
    end

    setup(function()
      source = folder .. "/release/lua-marketplace-scm"
      shell.run(("mkdir %s/release && tar -C %s/release -xzf %s"):format(folder, folder, tarball))
      shell.run(("cd %s && git init -q ."):format(source))
      commit()
    end)

    it("not without a version, a URL, and a source that says the same", function()
      assert.matches("which version?", release "", 1, true)
      assert.matches("where will the tarball be?", release "VERSION=98.7.6", 1, true)
      assert.matches("write 98.7.6 there first", release "VERSION=98.7.6 URL=https://example.com/x.tar.gz", 1, true)
      shell.run(("sed -i 's/\"marketplace .*\"/\"marketplace 98.7.6\"/' %s/lua/marketplace/init.lua"):format(source))
      assert.matches('no heading "## 98.7.6"', release "VERSION=98.7.6 URL=https://example.com/x.tar.gz", 1, true)
      shell.run(("cd %s && sed -i 's/^## Unreleased/## 98.7.6/' CHANGELOG.md"):format(source))
      assert.matches("not committed", release "VERSION=98.7.6 URL=https://example.com/x.tar.gz", 1, true)
    end)

    it("a tarball and rockspecs", function()
      commit()
      local said = release "VERSION=98.7.6 URL=https://example.com/x.tar.gz"
      assert.matches("dist/lua%-marketplace%-98%.7%.6%.tar%.gz\n.*dist/lua%-marketplace%-98%.7%.6%-1%.rockspec", said)
      for _, rock in ipairs(ROCKS) do
        local rockspec = shell.run(("cat %s/dist/%s-98.7.6-1.rockspec"):format(source, rock))
        assert.matches('version = "98.7.6-1"', rockspec, 1, true)
        assert.matches('url = "https://example.com/x.tar.gz"', rockspec, 1, true)
        assert.matches('dir = "lua-marketplace-98.7.6"', rockspec, 1, true)
      end
    end)
  end)
end)

describe("what is built", function()
  local function of_each(command)
    local found = {}
    for _, name in ipairs { "core", "http_server", "redis" } do
      local path = assert(package.cpath:match "build/[%w.]+/%?%.so"):gsub("%?", "marketplace/" .. name)
      found[name] = shell.run(command .. " " .. path)
    end
    return pairs(found)
  end

  it("shows nothing but what Lua opens", function()
    for name, symbols in of_each "nm -D --defined-only" do
      local shown = {}
      for symbol in symbols:gmatch "%x+ %a (%S+)" do shown[#shown + 1] = symbol end
      assert.same({ "luaopen_marketplace_" .. name }, shown)
    end
  end)

  it("is bound at once, read-only then, and nothing of it both written and run", function()
    for _, dynamic in of_each "readelf -dW" do assert.matches("BIND_NOW", dynamic) end
    for _, segments in of_each "readelf -lW" do
      assert.matches("GNU_RELRO", segments)
      assert.matches("GNU_STACK[^\n]* RW ", segments)
      assert.is_nil(segments:match "[^\n]* RWE [^\n]*")
    end
  end)

  it("watches its stack and the sizes that it copies", function()
    for _, symbols in of_each "nm -D --undefined-only" do
      assert.matches("__stack_chk_fail", symbols)
      assert.matches("__%w+_chk@", symbols:gsub("__stack_chk_fail", ""))
    end
  end)
end)
