-- The Debian packages, made of what is built already. `make deb-check` installs them in bare systems.
local shell = require "support.shell"

local FOLDER_OF = { ["lua-marketplace"] = "library", marketplace = "command" }

describe("Debian packages #full", function()
  local folder

  local function field(package, name)
    return shell.run(("dpkg-deb --field %s/%s_*.deb %s"):format(folder, package, name))
  end

  -- What is in a package, unpacked: the files below `path`, by their names.
  local function files(package, path)
    return shell.run(("cd %s/%s/%s && find . ! -type d -printf '%%P\n' | LC_ALL=C sort"):format(folder,
      FOLDER_OF[package], path))
  end

  setup(function()
    folder = shell.run "mktemp -d"
    shell.run(("DEB_BUILD_OPTIONS=noautodbgsym PREBUILT=yes tools/deb %s"):format(folder))
    for package, name in pairs(FOLDER_OF) do
      shell.run(("cd %s && dpkg-deb --extract %s_*.deb %s && dpkg-deb --control %s_*.deb %s.control")
        :format(folder, package, name, package, name))
    end
  end)

  teardown(function() shell.run("rm -rf " .. folder) end)

  it("are such that lintian finds no fault", function()
    shell.run(("lintian --allow-root --fail-on error,warning --tag-display-limit 0 %s/*.changes"):format(folder))
  end)

  it("are older than the release that they become, and newer the later the commit", function()
    local version = field("marketplace", "Version")
    assert.equal(version, field("lua-marketplace", "Version"))
    local released, time = version:match "^([%d.]+)~git(%d+)%.%x+$"
    assert.matches("marketplace " .. released, shell.run "bin/marketplace --version", 1, true)
    assert.equal(shell.run "TZ=UTC git log -1 --format=%cd --date=format-local:%Y%m%d%H%M%S", time)
    for _, later in ipairs { released, ("%s~git%d.0"):format(released, time + 1) } do
      shell.run(("dpkg --compare-versions '%s' lt '%s'"):format(version, later))
    end
  end)

  it("have all modules, for each Lua, of which LuaJIT takes those of 5.1", function()
    local modules = shell.run "find lua simulator/lua -name '*.lua' -printf '%P\n'"
    for _, version in ipairs { "5.1", "5.3", "5.4" } do
      local has = ("\n%s\n"):format(files("lua-marketplace", ("usr/share/lua/%s/marketplace/"):format(version)))
      for name in modules:gmatch "[^\n]+" do
        assert.is_truthy(has:find("\n" .. name:gsub("^marketplace/", "") .. "\n", 1, true), version .. ": " .. name)
      end
      assert.equal("core.so\nhttp_server.so\npackage_io.so\npostgres.so\nredis.so\nsqlite.so",
        files("lua-marketplace", ("usr/lib/*/lua/%s/marketplace"):format(version)))
    end
  end)

  it("are built with what make builds with", function()
    local needed = shell.run [[
      sed -n '/^Build-Depends:/,/^$/s/^.* \([a-z0-9.-]*\),\{0,1\}$/\1/p' deploy/debian/control |
      grep -Ev '^(dh-|lua5|liblua5|pkgconf$)' | sort]]
    local listed = shell.run [[
      awk '!/^#/ { for (i = 2; i <= NF; i++) if ($i == "run") print $1 }' tools/packages.txt |
      grep -Ev '^(build-essential|pkg-config)$' | sort]]
    assert.equal(listed, needed)
  end)

  it("need the libraries that the modules are linked with, each of which this system has", function()
    local needed = field("lua-marketplace", "Depends")
    for _, library in ipairs {
      "libcurl", "libgnutls", "libhiredis", "libmicrohttpd", "libpq", "libsqlite3", "libssl", "libzip",
    } do
      local name = assert(needed:match(library .. "[^ ,]*"), library)
      assert.equal("installed", shell.run(("dpkg-query -W -f '${db:Status-Status}' %s"):format(name)), name)
    end
  end)

  it("install the units as they are, and enable and start none", function()
    local units = shell.run "cd deploy/systemd && find . -name '*.service' -o -name '*.timer' -o -name '*.conf' | sort"
    for unit in units:gmatch "[^\n]+" do
      shell.run(("cmp deploy/systemd/%s $(find %s/command -path '*/systemd/system/%s')"):format(unit, folder,
        unit:gsub("^%./", "")))
    end
    local scripts = shell.run(("cat %s/command.control/*inst"):format(folder))
    assert.is_nil(scripts:find("deb-systemd-invoke start", 1, true) or scripts:find("=start", 1, true))
    for unit in scripts:gmatch "deb%-systemd%-helper enable '?([%w.-]+)" do
      assert.is_truthy(scripts:find(("was-enabled '%s'; then"):format(unit), 1, true), unit)
    end
  end)

  it("restart by an upgrade the services that run, but none that a timer began", function()
    local script = shell.run(("cat %s/command.control/postinst"):format(folder))
    local restarted = {}
    for unit in script:gmatch "deb%-systemd%-invoke try%-restart '([^']+)'" do restarted[#restarted + 1] = unit end
    table.sort(restarted)
    assert.equal(shell.run [[cd deploy/systemd
      for unit in *.service; do [ -e ${unit%.service}.timer ] || echo $unit; done]], table.concat(restarted, "\n"))
  end)

  it("keep what an operator changes, which only root and the services may read", function()
    local kept = shell.run(("cat %s/command.control/conffiles"):format(folder))
    local modes = shell.run(("cd %s/command && stat -c '%%a %%n' etc/marketplace etc/marketplace/*"):format(folder))
    assert.is_truthy(kept:find("/etc/logrotate.d/marketplace", 1, true))
    assert.is_truthy(modes:find("750 etc/marketplace\n", 1, true))
    for name in shell.run "ls deploy/etc":gmatch "%S+" do
      assert.is_truthy(kept:find("/etc/marketplace/" .. name, 1, true), name)
      assert.is_truthy(modes:find("640 etc/marketplace/" .. name, 1, true), name)
    end
  end)

  it("have a command for the Lua that they need, its manual page and its completions", function()
    assert.matches("^#!/usr/bin/lua5.4\n", shell.run(("cat %s/command/usr/bin/marketplace"):format(folder)))
    assert.matches("lua5.4", field("marketplace", "Depends"), 1, true)
    local shared = files("marketplace", "usr/share")
    for _, name in ipairs {
      "man/man1/marketplace.1.gz", "bash-completion/completions/marketplace", "zsh/vendor-completions/_marketplace",
      "fish/vendor_completions.d/marketplace.fish",
    } do
      assert.is_truthy(shared:find(name, 1, true), name)
    end
  end)
end)
