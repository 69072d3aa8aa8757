--- webhooks and reconcile, asking a simulated App Store Connect.
local INBOX = { MARKETPLACE_INBOX = "sqlite:marketplace.db" }
local UNKNOWN = "12345678-0000-0000-0000-000000000000"

local function fault(words)
  return function(w) w.command("simulate fault " .. words) end
end

local function inbox_of(w) w.fill_inbox "marketplace.db" end

local function secrets(w) w.write("secrets", "the old secret\n") end

local ROTATE_ITS = "webhooks rotate-secret WEBHOOK --secret-file secrets"
local REHEARSE = ROTATE_ITS .. " --dry-run --not-shared --no-probe --pid-file "
local ROTATE = "webhooks rotate-secret " .. UNKNOWN .. " --secret-file secrets"

return {
  title = "webhooks, reconcile",
  { "webhooks list" },
  { "webhooks list --app ''" },
  { "webhooks list --app 1 --generation 1" },
  { "webhooks list --app 6740012345", environment = { MARKETPLACE_KEY_FILE = false } },
  { "webhooks list --app 6740012345", environment = { MARKETPLACE_KEY_ID = false } },
  { "webhooks list --app 6740012345", environment = { MARKETPLACE_ISSUER_ID = false } },
  { "webhooks list --app 6740012345 --individual --issuer-id 1" },
  { "webhooks list --app 6740012345 --timeout soon" },
  { "webhooks list --app 6740012345 --key-file none.p8" },
  { "webhooks list --app 6740012345 --key-file body.json" },
  { "webhooks list --app 6740012345 --key-file other.p8" },
  { "webhooks list --app 6740012345 --key-id OTHER" },
  { "webhooks list --app 6740012345 --issuer-id other" },
  { "webhooks list --app 6740012345 --api-url paper" },
  { "webhooks list --app 6740012345 --api-url http://127.0.0.1:1 --timeout 1" },
  { "webhooks list --app 6740012345 --api-url http://market.example --timeout 1" },
  { "webhooks list --app 6740012345 --ca-file none.pem --api-url https://127.0.0.1:1 --timeout 1" },
  { "webhooks list --app 999" },
  { "webhooks list --app 6740012345 --timeout 1", before = fault "503_html --times 99",
    after = fault "--clear" },
  { "webhooks list --app 6740012345 --timeout 1", before = fault "429 --times 99 --seconds 30",
    after = fault "--clear" },
  { "webhooks list --app 6740012345 --timeout 1", before = fault "403 --times 99", after = fault "--clear" },
  { "webhooks create" },
  { "webhooks create --app 6740012345 --name market" },
  { "webhooks create --app 6740012345 --name market --url market.example" },
  { "webhooks create --app 6740012345 --name market --url https://m.example/n --event app_gone" },
  { "webhooks create --app 6740012345 --name market --url https://m.example/n --event ping" },
  { "webhooks create --generation 1 --url https://m.example/n --app 1" },
  { "webhooks create --generation 1" },
  { "webhooks create --app 6740012345 --name market --url https://m.example/n",
    environment = { MARKETPLACE_SECRET = false } },
  { "webhooks create --app 999 --name market --url https://m.example/n" },
  { "webhooks update " .. UNKNOWN },
  { "webhooks update " .. UNKNOWN .. " --enabled" },
  { "webhooks update " .. UNKNOWN .. " --enabled --disabled" },
  { "webhooks update " .. UNKNOWN .. " --secret-file none" },
  { "webhooks delete " .. UNKNOWN },
  { "webhooks delete " .. UNKNOWN .. " --yes" },
  { "webhooks delete " .. UNKNOWN .. " --yes --generation 1" },
  { "webhooks ping " .. UNKNOWN },
  { "webhooks ping " .. UNKNOWN .. " --generation 1" },
  { "webhooks deliveries " .. UNKNOWN },
  { "webhooks deliveries " .. UNKNOWN .. " --since then" },
  { "webhooks deliveries " .. UNKNOWN .. " --limit 0" },
  { "webhooks redeliver " .. UNKNOWN },
  { "webhooks migrate --app 6740012345" },
  { "webhooks create --app 6740012345 --name market --url http://127.0.0.1:1/n --event app_unavailable" },
  { "webhooks create --generation 1 --url http://127.0.0.1:1/first" },
  { "webhooks migrate --app 999" },
  { "webhooks migrate --app 6740012345 --app 999" },
  { "webhooks list --app 6740012345 --table" },
  { "webhooks migrate --app 6740012345" },
  { "webhooks migrate --app 6740012345", when = "its webhook is disabled",
    before = function(w) w.command "webhooks update WEBHOOK --disabled" end },
  { "webhooks ping WEBHOOK", before = function(w) w.command "webhooks update WEBHOOK --enabled" end },
  { "webhooks delete WEBHOOK", is_on_terminal = true, stdin = "n\n" },
  { "webhooks redeliver DELIVERY " .. UNKNOWN },
  { "webhooks rotate-secret " .. UNKNOWN },
  { ROTATE },
  { ROTATE .. " --yes --receiver-url market.example" },
  { ROTATE .. " --yes --wait long" },
  { ROTATE .. " --yes --grace long" },
  { ROTATE .. " --yes --inbox memory" },
  { ROTATE .. " --abort --dry-run" },
  { ROTATE .. " --yes --pid-file a --reload-command b" },
  { ROTATE .. " --yes", environment = INBOX },
  { ROTATE .. " --yes --not-shared --inbox sqlite:none.db", before = secrets },
  { ROTATE .. " --yes --not-shared", environment = INBOX, before = inbox_of },
  { ROTATE .. " --yes --abort", environment = INBOX },
  { ROTATE .. " --dry-run --not-shared --pid-file none.pid", environment = INBOX },
  { ROTATE_ITS .. " --yes", environment = INBOX },
  { ROTATE_ITS .. " --generation 1 --yes", environment = INBOX },
  { ROTATE_ITS .. " --yes", environment = INBOX, before = fault "403 --path /v1/marketplaceWebhooks --times 99",
    after = fault "--clear" },
  { ROTATE_ITS .. " --yes", environment = INBOX, when = "the webhook of generation 1 is gone, and another is not named",
    before = function(w)
      w.command "webhooks delete --generation 1 WEBHOOK_1 --yes"
      w.command "webhooks create --app 6740012345 --name other --url http://127.0.0.1:1/n"
    end },
  { ROTATE_ITS .. " --yes", environment = INBOX, before = fault "403 --path /v1/apps/ --times 99",
    after = fault "--clear" },
  { ROTATE_ITS, environment = INBOX, is_on_terminal = true, stdin = "n\n" },
  { ROTATE_ITS .. " --abort", environment = INBOX, is_on_terminal = true, stdin = "n\n" },
  { REHEARSE .. "none.pid", environment = INBOX },
  { REHEARSE .. "folder.config", environment = INBOX },
  { REHEARSE .. "body.json", environment = INBOX },
  { REHEARSE .. "ended.pid", environment = INBOX, before = function(w) w.write("ended.pid", "4194303\n") end },
  { REHEARSE .. "old.pid", environment = INBOX, when = "a process has this id that started after the file was written",
    before = function(w)
      w.write("old.pid", w.process_id .. "\n")
      os.execute "touch -d 2020-01-01 old.pid"
    end },
  { "reconcile" },
  { "reconcile --app ''" },
  { "reconcile --webhook 1 --url https://m.example" },
  { "reconcile --app 1 --since then" },
  { "reconcile --app 1 --since 2090-01-01" },
  { "reconcile --app 1 --inbox memory" },
  { "reconcile --app 6740012345 --inbox sqlite:none.db" },
  { "reconcile --app 999 --table", environment = INBOX },
  { "reconcile --app 6740012345 --table", environment = INBOX },
  { "reconcile --webhook " .. UNKNOWN .. " --table", environment = INBOX },
  { "reconcile --webhook WEBHOOK --dry-run --table", environment = INBOX, before = function(w)
    w.command "simulate event app_unavailable --app 6740012345 --generation 2 --id missed-1"
  end },
  { "reconcile --webhook WEBHOOK --table", environment = INBOX, when = "the webhook is disabled",
    before = function(w) w.command "webhooks update WEBHOOK --disabled" end },
  { "reconcile --app 6740012345 --state none/state.json --table", environment = INBOX },
  { "reconcile --app 6740012345 --state body.json --table", environment = INBOX },
}
