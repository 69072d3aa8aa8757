--- What `make torture` runs in csrc/torture/host.c: open.lua MODULE WHOSE HOW N opens a C module in a state of its own,
--- while allocation N fails, and then again, whole. Ends with status 1 as long as there is an allocation N.
local torture = _G.torture

local MODULE, WHOSE, HOW, N = ...

-- LuaJIT itself crashes where memory ends in what it has compiled
if _G.jit then _G.jit.off() end

torture.doing(("opening %s: %s, %s allocation %d"):format(MODULE, HOW, WHOSE, N))
-- the library itself and all that it needs are loaded before
local path = package.cpath:match "^[^;]+":gsub("?", (MODULE:gsub("%.", "/")))
local open = assert(package.loadlib(path, "luaopen_" .. MODULE:gsub("%.", "_")))

local function outcome(failed, _, ok, module)
  assert(ok or tostring(module):find "memory" or tostring(module):find "OpenSSL", module)
  return failed
end

local function check(module)
  local functions = 0
  for _, value in pairs(module) do
    if type(value) == "function" then functions = functions + 1 end
  end
  assert(functions > 0, "no functions")
end

local failed = outcome(torture.call(WHOSE, HOW, N, open, MODULE))
check(open(MODULE))
if MODULE == "marketplace.core" then
  package.loaded[MODULE] = open(MODULE)
  local ring = assert(package.loaded[MODULE].keyring "a secret")
  assert(#ring == 1)
  ring:close()
  assert(not pcall(ring.sign, ring, ""), "a closed keyring signs")
end
if not failed then print(("%d points, 0 failures: opening %s, %s, %s"):format(N - 1, MODULE, WHOSE, HOW)) end
return failed and 1 or 0
