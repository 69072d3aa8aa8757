-- What is installed, and how: by LuaRocks from a tarball and from a checkout, and by make.
local shell = require "support.shell"

local LUA = shell.LUA
local VERSION = LUA == "luajit" and "5.1" or LUA:match "%d%.%d"
local ROCKS = {
  "lua-marketplace", "lua-marketplace-server", "lua-marketplace-redis", "lua-marketplace-simulator",
}

-- LuaRocks asks for one interpreter of each version of Lua; LuaJIT is another of 5.1. Rocks that are not this project's
-- come from Debian.
local LUAROCKS_CONFIG = 'rocks_provided = { argparse = "0.7.1-1", ["lua-cjson"] = "2.1.0.10-1" }\n' .. (LUA == "luajit"
  and 'lua_interpreter = "luajit"\nvariables = { LUA_INCDIR = "/usr/include/luajit-2.1" }\n' or "")

local function paths_of(root)
  return ("LUA_PATH='%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua;;' LUA_CPATH='%s/lib/lua/%s/?.so;;'")
    :format(root, VERSION, root, VERSION, root, VERSION)
end

-- Receives a notification, and tells which of the modules and C modules that it loaded are not below the root.
local PROGRAM = [[
  local marketplace = require "marketplace"
  require "marketplace.http_server"
  require "marketplace.redis"
  require "marketplace.simulator"
  local inbox = assert(marketplace.receiver { secrets = "s" })
  local body = [=[{"data":{"type":"webhookPingCreated","id":"p1"}}]=]
  print((inbox:handle { method = "POST", headers = { ["x-apple-signature"] = marketplace.sign("s", body) },
    body = body }))
  local function path_of(name)
    for _, templates in ipairs { package.path, package.cpath } do
      for template in templates:gmatch "[^;]+" do
        local path = template:gsub("%?", (name:gsub("%.", "/")))
        local file = io.open(path)
        if file then file:close() return path end
      end
    end
  end
  for name in pairs(package.loaded) do
    if name:find "^marketplace" and path_of(name):sub(1, #arg[1]) ~= arg[1] then print(name, path_of(name)) end
  end
]]

--- The program and the command, in a folder that is no checkout, with Lua's own paths and the root's. `by_itself`: the
--- command is not told the paths, as LuaRocks's without dependencies needs to be.
local function check_installed(root, elsewhere, by_itself)
  local program = elsewhere .. "/program.lua"
  local file = assert(io.open(program, "w"))
  file:write(PROGRAM)
  file:close()
  local run = "cd " .. elsewhere .. " && unset LUA_PATH LUA_CPATH && "
  assert.equal("200", shell.run(("%s %s %s program.lua %s"):format(run, paths_of(root), LUA, root)))
  local paths = by_itself and "" or paths_of(root)
  assert.matches("^hmacsha256=%x+$", shell.run(("%s %s MARKETPLACE_SECRET=s %s/bin/marketplace sign program.lua")
    :format(run, paths, root)))
end

--- The command that `serve` shows, as it is shown, elsewhere.
local function check_shown_command(root, elsewhere, by_itself)
  local paths = by_itself and "" or paths_of(root)
  local handlers = elsewhere .. "/handlers.lua"
  shell.run("echo 'return function() end' > " .. handlers)
  local serve = ("env -u LUA_PATH -u LUA_CPATH MARKETPLACE_SECRET=s %s %s/bin/marketplace serve %s --port 0 " ..
    "--inbox memory"):format(paths, root, handlers)
  shell.with_server(serve, function(_, _, pipe)
    local shown
    repeat shown = pipe:read "*l" until not shown or shown:find "^try it: "
    assert.matches(root .. "/bin/marketplace send", shown, 1, true)
    assert.matches("^200 ", shell.run(("cd %s && unset LUA_PATH LUA_CPATH && export MARKETPLACE_SECRET=s %s && %s")
      :format(elsewhere, paths, shown:match "^try it: +(.*)$")))
  end)
end

local function symbols_of(path, arguments)
  local symbols = {}
  local said = shell.run(("nm -D %s %s"):format(arguments, path))
  for symbol in said:gmatch "%a (%S+)" do symbols[#symbols + 1] = symbol end
  return symbols
end

local function check_copies(path)
  local checked = {}
  for _, symbol in ipairs(symbols_of(path, "--undefined-only")) do
    if symbol:find "^__%w+_chk@" then checked[#checked + 1] = symbol end
  end
  assert.is_true(#checked > 0, path .. " does not check the sizes that it copies")
end

local function check_protected(path)
  assert.same({ "luaopen_marketplace_" .. path:match "([%w_]+)%.so$" }, symbols_of(path, "--defined-only"))
  check_copies(path)
  local undefined = table.concat(symbols_of(path, "--undefined-only"), "\n")
  assert.matches("__stack_chk_fail@", undefined, 1, true)
  assert.matches("BIND_NOW", shell.run("readelf -dW " .. path))
  local segments = shell.run("readelf -lW " .. path)
  assert.matches("GNU_RELRO", segments)
  assert.matches("GNU_STACK[^\n]* RW ", segments)
  assert.is_nil(segments:match "[^\n]* RWE [^\n]*")
end

local MODULES = { "core", "http_server", "redis" }

describe("packaging #full", function()
  local folder, tarball

  local function unpacked(name)
    shell.run(("mkdir %s/%s && tar -C %s/%s -xzf %s"):format(folder, name, folder, name, tarball))
    return folder .. "/" .. name .. "/lua-marketplace-scm"
  end

  -- The shell commands that install all rocks with LuaRocks, `what` being its words for one, under `root`.
  local function luarocks(source, root, what)
    local commands = { "cd " .. source }
    local start = ("LUAROCKS_CONFIG=%s/luarocks.lua luarocks --lua-version %s --tree %s "):format(folder, VERSION, root)
    for _, rock in ipairs(ROCKS) do commands[#commands + 1] = start .. what:format(rock) end
    return "(" .. table.concat(commands, " && ") .. ")"
  end

  setup(function()
    folder = shell.run "mktemp -d"
    shell.run "umask 077; tools/dist lua-marketplace-scm"
    tarball = folder .. "/first.tar.gz"
    shell.run("mv dist/lua-marketplace-scm.tar.gz " .. tarball)
    shell.run(("printf '%%s' '%s' > %s/luarocks.lua"):format(LUAROCKS_CONFIG, folder))
  end)

  teardown(function() shell.run("rm -rf " .. folder) end)

  it("makes the same tarball of the same source, without what was built", function()
    shell.run "tools/dist lua-marketplace-scm"
    assert.equal("", shell.run("cmp dist/lua-marketplace-scm.tar.gz " .. tarball))
    assert.equal("0/0", shell.run("tar --numeric-owner -tvf " .. tarball .. " | awk '{ print $2 }' | sort -u"))
    local names = shell.run("tar -tf " .. tarball)
    assert.matches("lua-marketplace-scm/csrc/core/signature.c\n", names, 1, true)
    assert.matches("lua-marketplace-scm/README.md\n", names, 1, true)
    assert.matches("lua-marketplace-scm/man/marketplace.1\n", names, 1, true)
    assert.matches("lua-marketplace-scm/completion/marketplace.fish\n", names, 1, true)
    for _, name in ipairs { ".git/", "build/", ".so\n", "dist/" } do
      assert.is_nil(names:find("lua-marketplace-scm/" .. name, 1, true), name)
    end
  end)

  it("makes of a tarball's source the same tarball, also when it was built and used there, without git", function()
    local source = unpacked "again"
    shell.run(("cd %s && mkdir -p build dist marketplace && chmod -R go-rwx . && touch README.md && " ..
      "touch build/a dist/a csrc/core/a.o marketplace/core.so .marketplace-secret luacov.stats.out")
      :format(source))
    shell.run(("cd %s && mkdir .git && touch .git/index secrets.txt secrets.txt.rotation AuthKey.p8 key.pem server.pid")
      :format(source))
    shell.run(("cd %s && { [ $(id -u) -ne 0 ] || chown 4321:4321 LICENSE; }"):format(source))
    shell.run(("cd %s && tools/dist lua-marketplace-scm"):format(source))
    assert.equal("", shell.run(("cmp %s/dist/lua-marketplace-scm.tar.gz %s"):format(source, tarball)))
  end)

  it("by make installs what runs elsewhere, with a manual page and completions", function()
    local root = folder .. "/destination/opt/market place"
    shell.run(("make install LUA=%s DESTDIR=%s/destination PREFIX='/opt/market place'"):format(LUA, folder))
    shell.run(("ln -s '%s' %s/installed"):format(root, folder))
    root = folder .. "/installed"
    check_installed(root, folder, true)
    check_shown_command(root, folder, true)
    local guides = root .. "/share/doc/lua-marketplace/"
    for page in shell.run(("cd %s && find . -name '*.md'"):format(guides)):gmatch "[^\n]+" do
      for target in shell.run("cat " .. guides .. page):gmatch "%]%(([^)#:]+)[^)]*%)" do
        shell.run(("cd %s && test -e %s%s"):format(guides, page:match "^.*/", target))
      end
    end
    shell.run(("diff -r examples %s/examples"):format(guides))
    for _, path in ipairs {
      "man/man1/marketplace.1", "bash-completion/completions/marketplace", "zsh/site-functions/_marketplace",
      "fish/vendor_completions.d/marketplace.fish",
    } do
      assert.is_true(#shell.run("cat " .. root .. "/share/" .. path) > 1000)
    end
    local page = root .. "/share/man/man1/marketplace.1"
    assert.equal("", shell.run(("man --warnings -E UTF-8 -l -Tutf8 -Z %s 2>&1 >/dev/null"):format(page)))
  end)

  it("by make installs to a folder named from here", function()
    local above = shell.run(("realpath --relative-to=. %s"):format(folder))
    shell.run(("make install LUA=%s DESTDIR=%s/relative PREFIX=/usr"):format(LUA, above))
    check_installed(folder .. "/relative/usr", folder, true)
  end)

  it("by make removes all that it installed, and nothing else", function()
    local place = ("LUA=%s DESTDIR=%s/removed PREFIX='/opt/market place'"):format(LUA, folder)
    local root = folder .. "/removed/opt/market place"
    shell.run("make install " .. place)
    local others = ("share/lua/%s/marketplace/own.lua"):format(VERSION)
    shell.run(("touch '%s/%s'"):format(root, others))
    shell.run("make uninstall " .. place)
    assert.equal(others, shell.run(("cd '%s' && find . ! -type d -printf '%%P\\n'"):format(root)))
    local folders = "-path '*/doc/lua-marketplace' -o -path '*/lib/lua/*/marketplace'"
    assert.equal("", shell.run(("find '%s' %s"):format(root, folders)))
    shell.run("make uninstall " .. place)
  end)

  it("completes in bash, zsh and fish", function()
    shell.run("make man LUA=" .. LUA)
    shell.run(("mkdir %s/zsh && cp build/completion/marketplace.zsh %s/zsh/_marketplace"):format(folder, folder))
    shell.run(("HOME=%s timeout 30 zsh -f spec/support/complete.zsh %s/zsh 'marketplace inbox ' %s")
      :format(folder, folder, "'*list*prune*replay*show*stats*'"))
    assert.equal("list show replay prune stats", shell.run [[bash --norc -c '
      source build/completion/marketplace.bash
      complete -p marketplace | grep -q -- "-F _marketplace marketplace" || exit 1
      COMP_WORDS=(marketplace inbox "") COMP_CWORD=2
      _marketplace
      echo "${COMPREPLY[@]}"']])
    assert.equal("list prune replay show stats", shell.run [[HOME=/nonexistent fish --no-config -c '
      source build/completion/marketplace.fish
      complete -C "marketplace inbox " | cut -f 1 | string join " "']])
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
      source = unpacked "release"
      shell.run(("cd %s && git init -q ."):format(source))
      commit()
    end)

    it("not without a version, a URL, and a source that says the same", function()
      assert.matches("which version?", release "", 1, true)
      assert.matches("where will the tarball be?", release "VERSION=98.7.6", 1, true)
      for _, url in ipairs { "nonsense", "https://", "https://example.com/a b", 'https://a/"', "https://a/\\d" } do
        assert.matches("no URL of a tarball", release("VERSION=98.7.6 URL='" .. url .. "'"), 1, true)
      end
      assert.matches("write 98.7.6 there first", release "VERSION=98.7.6 URL=https://example.com/x.tar.gz", 1, true)
      shell.run(("sed -i 's/\"marketplace .*\"/\"marketplace 98.7.6\"/' %s/lua/marketplace/init.lua"):format(source))
      assert.matches('no heading "## 98.7.6"', release "VERSION=98.7.6 URL=https://example.com/x.tar.gz", 1, true)
      shell.run(("cd %s && sed -i 's/^## Unreleased/## 98.7.6/' CHANGELOG.md"):format(source))
      assert.matches("not committed", release "VERSION=98.7.6 URL=https://example.com/x.tar.gz", 1, true)
      shell.run(("mv %s/.git %s/git"):format(source, folder))
      assert.matches("not a checkout", release "VERSION=98.7.6 URL=https://example.com/x.tar.gz", 1, true)
      shell.run(("mv %s/git %s/.git"):format(folder, source))
    end)

    it("a tarball without what git ignores, and rockspecs", function()
      commit()
      shell.run(("cd %s && touch .marketplace-secret luacov.stats.out marketplace.db csrc/core/alloc.o"):format(source))
      shell.run(("cd %s && touch secrets.txt secrets.txt.rotation AuthKey.p8 key.pem marketplace.pid"):format(source))
      local said = release(("VERSION=98.7.6 URL=file://%s/dist/lua-marketplace-98.7.6.tar.gz"):format(source))
      assert.matches("dist/lua%-marketplace%-98%.7%.6%.tar%.gz\n.*dist/lua%-marketplace%-98%.7%.6%-1%.rockspec", said)
      local packed = shell.run(("cd %s && tar -tf dist/lua-marketplace-98.7.6.tar.gz | sed 's|^[^/]*/||' | sort")
        :format(source))
      assert.equal(shell.run(("cd %s && git ls-files | sort"):format(source)), packed)
    end)

    it("that LuaRocks installs, protected where it is told how, as it does the source", function()
      local readme = shell.run "cat README.md"
      local flags = (readme:match "`(CFLAGS='[^`]*)`" .. " " .. readme:match "`(LIBFLAG='[^`]*)`"):gsub("\n", " ")
      local plain, released = folder .. "/plain", folder .. "/released"
      shell.run(luarocks(unpacked "source", plain, "make %s-scm-1.rockspec") .. " & plain=$!\n" ..
        luarocks(folder, released, "build " .. flags .. " " .. source .. "/dist/%s-98.7.6-1.rockspec") ..
        " && wait $plain")
      -- LuaRocks names a rock in front of a file that another has, too
      assert.equal("", shell.run(("find %s %s -name 'lua_marketplace*'"):format(plain, released)))
      check_installed(plain, folder)
      check_shown_command(plain, folder)
      for _, lua in ipairs { "lua", "simulator/lua" } do
        local missing = "cd %s && find . -name '*.lua' ! -exec cmp -s {} '%s/share/lua/%s/{}' ';' -print"
        assert.equal("", shell.run(missing:format(lua, plain, VERSION)))
      end
      check_installed(released, folder)
      assert.matches("98.7.6", shell.run(("cat $(find %s -name marketplace.1)"):format(released)), 1, true)
      assert.equal("marketplace 98.7.6",
        shell.run(paths_of(released) .. " " .. released .. "/bin/marketplace --version"))
      check_copies(("%s/lib/lua/%s/marketplace/core.so"):format(plain, VERSION))
      check_protected(("%s/lib/lua/%s/marketplace/http_server.so"):format(plain, VERSION))
      check_protected(("%s/lib/lua/%s/marketplace/redis.so"):format(plain, VERSION))
      for _, name in ipairs(MODULES) do
        check_protected(("%s/lib/lua/%s/marketplace/%s.so"):format(released, VERSION, name))
      end
    end)
  end)
end)

describe("what make builds", function()
  for _, name in ipairs(MODULES) do
    it("is protected, and shows nothing but what Lua opens: " .. name, function()
      local build = assert(package.cpath:match "(build/[%w.]+)/%?%.so")
      local path = ("%s/marketplace/%s.so"):format(build, name)
      check_protected(path)
      if shell.run "cc -dumpmachine":find "^x86_64" then
        assert.matches("endbr64", shell.run(("objdump -d --disassemble=luaopen_marketplace_%s %s"):format(name, path)))
      end
    end)
  end

  it("checks no copies where nothing is optimised, and has sanitizers instead where they are asked for", function()
    local compiler = "make --no-print-directory -B -n V=1 build/test/support.o BUILD=build "
    local optimised = shell.run(compiler)
    assert.matches("-D_FORTIFY_SOURCE=3", optimised, 1, true)
    assert.matches("-fstack-clash-protection", optimised, 1, true)
    local unoptimised = shell.run(compiler .. "CFLAGS='-O0 -g'")
    assert.matches("-fstack-protector-strong", unoptimised, 1, true)
    assert.is_nil(unoptimised:find("_FORTIFY_SOURCE", 1, true))
    assert.is_nil(shell.run(compiler .. "SANITIZE=1"):find("_FORTIFY_SOURCE", 1, true))
  end)
end)
