local shell = require "support.shell"

-- A system of which only these programs are asked: what is installed, what apt knows, and what apt was told to do.
local programs = {
  ["dpkg-query"] = [[for name; do :; done
grep -qx "$name" "$SYSTEM/installed" && printf installed]],
  ["apt-cache"] = [[! grep -qx "$2" "$SYSTEM/known" || echo "Package: $2"]],
  ["apt-get"] = [[echo "apt-get $*" >> "$SYSTEM/log"
case $1 in
update) cat "$SYSTEM/mirror" > "$SYSTEM/known" ;;
install)
  for name; do case $name in install|-*) continue ;; esac; grep -qx "$name" "$SYSTEM/known" || exit 100; done
  case $* in *--print-uris*)
    echo "Need to get 12.3 MB of archives."
    echo "After this operation, 45.6 MB of additional disk space will be used."
  esac
esac]],
  id = "echo 1000",
  sudo = [[echo "sudo: $*" >> "$SYSTEM/log"; exec "$@"]],
}

describe("tools/install-packages", function()
  local folder

  local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end

  local function names(text) return (text:gsub(" ", "\n")) .. "\n" end

  local function install(system)
    write("installed", names(system.installed))
    write("known", names(system.known or system.mirror))
    write("mirror", names(system.mirror))
    write("log", "")
    local command = ("SYSTEM=%s PATH=%s:$PATH tools/install-packages luajit"):format(folder, folder)
    local output, status = shell.capture(command)
    return output, status, shell.run(("cat %s/log"):format(folder))
  end

  setup(function()
    folder = shell.run "mktemp -d"
    for name, body in pairs(programs) do write(name, "#!/bin/sh\n" .. body .. "\n") end
    shell.run(("cd %s && chmod 755 dpkg-query apt-cache apt-get id sudo"):format(folder))
  end)

  teardown(function() shell.run("rm -r " .. folder) end)

  it("does nothing, and asks apt nothing, if nothing is missing", function()
    assert.same({ "", 0, "" }, { install { installed = "luajit2 libluajit2-5.1-dev", mirror = "luajit2" } })
    assert.same({ "", 0, "" }, { install { installed = "luajit libluajit-5.1-dev", mirror = "luajit2 luajit" } })
  end)

  it("says what it will install and how much that is before it becomes root", function()
    local output, status, log = install { installed = "make", mirror = "luajit2 libluajit2-5.1-dev luajit" }
    assert.equal(0, status)
    assert.matches("^Missing packages %(12.3 MB to download, 45.6 MB of additional disk space will be used%): " ..
      "luajit2 libluajit2%-5.1%-dev\n", output)
    assert.matches("Installing them with: sudo apt%-get update && sudo env", output)
    assert.matches("^apt%-get install %-%-print%-uris .*\nsudo: apt%-get update", log)
    assert.matches("\nsudo: env .* install .* luajit2 libluajit2%-5.1%-dev\n", log)
  end)

  it("takes the alternative that this release has", function()
    local output, status = install { installed = "make", mirror = "luajit libluajit-5.1-dev" }
    assert.equal(0, status)
    assert.matches("%): luajit libluajit%-5.1%-dev\n", output)
  end)

  it("completes the alternative that is there rather than replacing it by another", function()
    local output = install { installed = "luajit", mirror = "luajit2 libluajit2-5.1-dev luajit libluajit-5.1-dev" }
    assert.matches("%): libluajit%-5.1%-dev\n", output)
  end)

  it("has apt fetch its lists first if these do not say how much it will be", function()
    local output, status, log = install { installed = "make", known = "none", mirror = "luajit libluajit-5.1-dev" }
    assert.equal(0, status)
    assert.matches("^Fetching the lists of packages, to tell what is to be installed, with: sudo apt%-get update\n" ..
      "Missing packages %(12.3 MB to download.-%): luajit libluajit%-5.1%-dev\n", output)
    local _, updates = log:gsub("sudo: apt%-get update", "")
    assert.equal(1, updates)
  end)
end)
