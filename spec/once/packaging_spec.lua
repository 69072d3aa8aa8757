-- What is installed, and how: by LuaRocks from a tarball and from a checkout, and by make.
local installation = require "support.installation"
local shell = require "support.shell"

local LUAS = {}
for lua in (os.getenv "LUAS" or "lua5.4 lua5.3 lua5.1 luajit"):gmatch "%S+" do LUAS[#LUAS + 1] = lua end
local FIRST, LAST = LUAS[1], LUAS[#LUAS]
local ROCKS = {
  "lua-marketplace", "lua-marketplace-server", "lua-marketplace-sqlite", "lua-marketplace-postgres",
  "lua-marketplace-redis", "lua-marketplace-packages", "lua-marketplace-simulator",
}

-- Rocks that are not this project's come from Debian. LuaRocks asks for one interpreter of each version of Lua; LuaJIT
-- is another of 5.1.
local LUAROCKS_CONFIG = 'rocks_provided = { argparse = "0.7.1-1" }\n'
local LUAJIT_CONFIG = 'lua_interpreter = "luajit"\nvariables = { LUA_INCDIR = "/usr/include/luajit-2.1" }\n'

describe("packaging #full", function()
  local folder, tarball

  local function unpacked(name)
    shell.run(("mkdir %s/%s && tar -C %s/%s -xzf %s"):format(folder, name, folder, name, tarball))
    return folder .. "/" .. name .. "/lua-marketplace-scm"
  end

  -- The shell commands that install all rocks with LuaRocks, `what` being its words for one.
  local function luarocks(source, installed, what)
    local commands = { "cd " .. source }
    local config = ("%s/%s.rocks"):format(folder, installed.lua)
    shell.run(("printf '%%s' '%s' > %s"):format(
      LUAROCKS_CONFIG .. (installed.lua == "luajit" and LUAJIT_CONFIG or ""), config))
    local start = ("LUAROCKS_CONFIG=%s luarocks --lua-version %s --tree %s "):format(config, installed.version,
      installed.root)
    for _, rock in ipairs(ROCKS) do commands[#commands + 1] = start .. what:format(rock) end
    return "(" .. table.concat(commands, " && ") .. ")"
  end

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

  for _, lua in ipairs(LUAS) do
    it("by make installs what runs elsewhere with " .. lua, function()
      local destination, installed = folder .. "/for-" .. lua, folder .. "/" .. lua
      shell.run(("make install LUA=%s DESTDIR=%s PREFIX='/opt/market place'"):format(lua, destination))
      shell.run(("ln -s '%s/opt/market place' %s"):format(destination, installed))
      installation.at(installed, lua):check(folder, true)
      installation.at(installed, lua):check_shown_command(folder, true)
    end)
  end

  it("by make installs the guides, the examples, a manual page and completions", function()
    local root = folder .. "/with-guides/usr"
    shell.run(("make install LUA=%s DESTDIR=%s/with-guides PREFIX=/usr"):format(FIRST, folder))
    local guides = root .. "/share/doc/lua-marketplace/"
    for page in shell.run(("cd %s && find . -name '*.md'"):format(guides)):gmatch "[^\n]+" do
      for target, colon in shell.run("cat " .. guides .. page):gmatch "%]%(([^)#:]+)(:?)[^)]*%)" do
        local is_elsewhere = colon == ":" -- on the web
        if not is_elsewhere then shell.run(("cd %s && test -e %s%s"):format(guides, page:match "^.*/", target)) end
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
    shell.run(("make install LUA=%s DESTDIR=%s/relative PREFIX=/usr"):format(FIRST, above))
    installation.at(folder .. "/relative/usr", FIRST):check(folder, true)
  end)

  it("by make removes all that it installed, and nothing else", function()
    local place = ("LUA=%s DESTDIR=%s/removed PREFIX='/opt/market place'"):format(FIRST, folder)
    local root = folder .. "/removed/opt/market place"
    shell.run("make install " .. place)
    local others = ("share/lua/%s/marketplace/own.lua"):format(installation.version_of(FIRST))
    shell.run(("touch '%s/%s'"):format(root, others))
    shell.run("make uninstall " .. place)
    assert.equal(others, shell.run(("cd '%s' && find . ! -type d -printf '%%P\\n'"):format(root)))
    local folders = "-path '*/doc/lua-marketplace' -o -path '*/lib/lua/*/marketplace'"
    assert.equal("", shell.run(("find '%s' %s"):format(root, folders)))
    shell.run("make uninstall " .. place)
  end)

  it("completes in bash, zsh and fish", function()
    shell.run("make man LUA=" .. FIRST)
    shell.run(("mkdir %s/zsh && cp build/completion/marketplace.zsh %s/zsh/_marketplace"):format(folder, folder))
    shell.run(("HOME=%s timeout 30 zsh -f spec/support/complete.zsh %s/zsh 'marketplace inbox ' %s")
      :format(folder, folder, "'*backup*cancel*forward*list*prune*replay*restore*run*show*stats*'"))
    assert.equal("list show replay run cancel forward prune backup restore stats", shell.run [[bash --norc -c '
      source build/completion/marketplace.bash
      complete -p marketplace | grep -q -- "-F _marketplace marketplace" || exit 1
      COMP_WORDS=(marketplace inbox "") COMP_CWORD=2
      _marketplace
      echo "${COMPREPLY[@]}"']])
    local actions = "backup cancel forward list prune replay restore run show stats"
    assert.equal(actions, shell.run [[HOME=/nonexistent fish --no-config -c '
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
      for _, version in ipairs { "", "VERSION=1.2", "VERSION=v1.2.3", "VERSION=1.2.3-rc1" } do
        assert.matches("name the version", release(version), 1, true)
      end
      assert.matches("name the URL that the tarball will have", release "VERSION=98.7.6", 1, true)
      for _, url in ipairs { "nonsense", "https://", "https://example.com/a b", 'https://a/"', "https://a/\\d" } do
        assert.matches("not the URL of a tarball", release("VERSION=98.7.6 URL='" .. url .. "'"), 1, true)
      end
      assert.matches("change it to 98.7.6 first", release "VERSION=98.7.6 URL=https://example.com/x.tar.gz", 1, true)
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

    it("rocks that need the others of the same release, and say where the tarball is", function()
      release "VERSION=98.7.6 URL='https://a.example/x?a=1&b=2|c'"
      local rockspec = shell.run(("cat %s/dist/lua-marketplace-simulator-98.7.6-1.rockspec"):format(source))
      assert.matches('\n  url = "https://a.example/x?a=1&b=2|c",\n', rockspec, 1, true)
      assert.matches('\n  "lua-marketplace == 98.7.6",\n  "lua-marketplace-server == 98.7.6",\n', rockspec, 1, true)
      assert.is_nil(rockspec:find("checkout", 1, true))
      release(("VERSION=98.7.6 URL=file://%s/dist/lua-marketplace-98.7.6.tar.gz"):format(source))
    end)

    it("nothing that was deleted, and what is new but not ignored, at the time that it is told", function()
      local changed = unpacked "changed"
      shell.run(("cd %s && git init -q . && git add -A && rm README.md && touch new.lua secrets.txt"):format(changed))
      shell.run(("cd %s && git -c user.name=n -c user.email=e@localhost commit -qm m"):format(changed))
      local list = shell.run(("cd %s && SOURCE_DATE_EPOCH=86400 TZ=UTC tools/dist x && TZ=UTC tar -tvf dist/x.tar.gz")
        :format(changed))
      assert.matches("1970-01-02 00:00 x/new.lua\n", list, 1, true)
      assert.is_nil(list:find("x/README.md", 1, true))
      assert.is_nil(list:find("secrets.txt", 1, true))
    end)

    it("that LuaRocks installs, protected if it is told how, as it does the source", function()
      local readme = shell.run "cat docs/installing.md"
      local flags = (readme:match "`(CFLAGS='[^`]*)`" .. " " .. readme:match "`(LIBFLAG='[^`]*)`"):gsub("\n", " ")
      local plain = installation.at(folder .. "/plain", LAST)
      local released = installation.at(folder .. "/released", FIRST)
      shell.run(luarocks(unpacked "source", plain, "make %s-scm-1.rockspec") .. " & plain=$!\n" ..
        luarocks(folder, released, "build " .. flags .. " " .. source .. "/dist/%s-98.7.6-1.rockspec") ..
        " && wait $plain")
      -- LuaRocks names a rock in front of a file that another has, too
      assert.equal("", shell.run(("find %s %s -name 'lua_marketplace*'"):format(plain.root, released.root)))
      plain:check(folder)
      plain:check_shown_command(folder)
      for _, lua in ipairs { "lua", "simulator/lua" } do
        local missing = "cd %s && find . -name '*.lua' ! -exec cmp -s {} '%s/{}' ';' -print"
        assert.equal("", shell.run(missing:format(lua, plain:lua_folder())))
      end
      released:check(folder)
      assert.matches("98.7.6", shell.run(("cat $(find %s -name marketplace.1)"):format(released.root)), 1, true)
      assert.equal("marketplace 98.7.6",
        shell.run(("%s %s/bin/marketplace --version"):format(released:paths(), released.root)))
      installation.check_copies(plain:module "core")
      for _, name in ipairs { "http_server", "package_io", "redis", "sqlite" } do
        installation.check_protected(plain:module(name))
      end
      for _, name in ipairs(installation.MODULES) do installation.check_protected(released:module(name)) end
    end)
  end)
end)

describe("what make builds", function()
  for _, lua in ipairs(LUAS) do
    for _, name in ipairs(installation.MODULES) do
      it(("is protected, and shows nothing but what Lua opens: %s for %s"):format(name, lua), function()
        local path = ("build/%s/marketplace/%s.so"):format(lua == "luajit" and "jit" or lua:match "%d%.%d", name)
        installation.check_protected(path)
        if shell.run "cc -dumpmachine":find "^x86_64" then
          local code = shell.run(("objdump -d --disassemble=luaopen_marketplace_%s %s"):format(name, path))
          assert.matches("endbr64", code)
        end
      end)
    end
  end

  it("checks no copies if nothing is optimised, and has sanitizers instead if they are asked for", function()
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
