--- packages and spotlight.
local core = require "marketplace.core"

local function version(id)
  return function(w)
    w.command("simulate add-version --package chess --app 6740012345 --size 20000 --package-version " .. id)
  end
end

return {
  title = "packages, spotlight",
  { "packages list" },
  { "packages list --folder none" },
  { "packages list --state gone" },
  { "packages list --limit 0" },
  { "packages list --app ''" },
  { "packages show v1" },
  { "packages fetch --version 1 --package 2" },
  { "packages fetch --version ''" },
  { "packages fetch --parallel 0" },
  { "packages fetch --max-rate fast" },
  { "packages fetch --max-calls 0" },
  { "packages fetch --min-free little" },
  { "packages fetch --grace long" },
  { "packages fetch --version v1", environment = { MARKETPLACE_KEY_ID = false } },
  { "packages fetch --folder body.json" },
  { "packages fetch --version v1 --folder packages" },
  { "packages fetch --folder packages" },
  { "packages fetch --package p1 --folder packages" },
  { "packages list --folder packages" },
  { "packages show none --folder packages" },
  { "packages show v1 --folder packages" },
  { "packages verify --folder packages" },
  { "packages verify v1 --all --folder packages" },
  { "packages verify none --folder packages" },
  { "packages withdraw --folder packages" },
  { "packages withdraw --app 1 --package 2" },
  { "packages withdraw --version v1 --territory FRA" },
  { "packages withdraw --app 1 --territory France" },
  { "packages withdraw --app 1 --folder packages" },
  { "packages restore --version none --folder packages" },
  { "packages hold --folder packages" },
  { "packages hold --app 'a b' --folder packages" },
  { "packages release --app 1 --folder packages" },
  { "packages collect --older-than long" },
  { "packages collect --folder packages" },
  { "packages sync --folder packages --app 999" },
  { "packages work --metrics-port x" },
  { "packages work --folder packages --metrics-port TAKEN" },
  { "packages list --folder damaged", when = "the store is no database",
    before = function(w)
      os.execute "mkdir -p damaged/state"
      w.write("damaged/state/store.db", ("noise "):rep(2000))
    end },
  { "packages work --folder damaged" },
  { "packages fetch --version chess-1 --folder store --min-free 1", before = version "chess-1" },
  { "packages fetch --version chess-1 --folder store --min-free 1" },
  { "packages fetch --folder store --min-free 1" },
  { "packages fetch --folder store --min-free 1", when = "another process fetches into this folder",
    before = function(w) w.lock = assert(core.lock_file "store/state/lock") end,
    after = function(w) w.lock:close() end },
  { "packages verify --all --folder store" },
  { "packages withdraw --app 6740012345 --territory FRA --folder store" },
  { "packages withdraw --app 6740012345 --territory FRA --folder store" },
  { "packages list --folder store --table" },
  { "packages hold --package chess --reason '' --folder store" },
  { "packages list --folder store --table" },
  { "packages fetch --version chess-2 --folder store --min-free 1", before = version "chess-2" },
  { "packages release --package chess --folder store" },
  { "packages withdraw --package chess --folder store" },
  { "packages restore --package chess --folder store" },
  { "packages fetch --version chess-3 --folder store --min-free 1", before = version "chess-3" },
  { "packages verify chess-3 --folder store", when = "an asset was changed", before = function()
    os.execute("for file in $(find store/public -name '*.ipa'); do chmod u+w $file; " ..
      "printf x | dd of=$file conv=notrunc; done 2> /dev/null")
  end },
  { "spotlight none.lua site" },
  { "spotlight spotlight.lua site", before = function(w) w.write("spotlight.lua", "return 5") end },
  { "spotlight spotlight.lua site", before = function(w) w.write("spotlight.lua", "return {}") end },
  { "spotlight spotlight.lua site --folder packages" },
  { "spotlight spotlight.lua site --folder store",
    before = function(w) w.write("spotlight.lua", "return { base_url = 'https://market.example' }") end },
}
