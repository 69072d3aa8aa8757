--- send, sign, verify, explain and token.
local core = require "marketplace.core"
local signature = require "marketplace.signature"

local BODY = '{"data":{"type":"webhookPingCreated","id":"p1"}}'

local function body(w) w.write("body.json", BODY) end

local NO_SECRET = { MARKETPLACE_SECRET = false }

local function other_key(w)
  local key = assert(core.generate_key())
  w.write("other.p8", assert(key:private_pem()))
  key:close()
end

return {
  title = "send, sign, verify, explain, token",
  { "send" },
  { "send app_gone" },
  { "send ping --generation 1" },
  { "send ping --app 6740067890" },
  { "send app_unavailable --app '6740067890 '" },
  { "send app_unavailable --id 'a b'" },
  { "send app_unavailable --timeout soon" },
  { "send app_unavailable --file body.json" },
  { "send app_unavailable", environment = NO_SECRET },
  { "send app_unavailable", environment = { MARKETPLACE_SECRET = "one,two" } },
  { "send app_unavailable --secret-file none" },
  { "send app_unavailable --secret-file empty", before = function(w) w.write("empty", "\n") end },
  { "send app_unavailable --secret-file many", before = function(w) w.write("many", ("secret\n"):rep(9)) end },
  { "send app_unavailable --secret-file open --url http://127.0.0.1:1/", when = "others can read the file, and the " ..
    "secret is in quotes", before = function(w) w.write("open", "'quoted' \n", "644") end },
  { "send app_unavailable --url http://127.0.0.1:1/notifications" },
  { "sign /dev/null --secret-file spaces", before = function(w) w.write("spaces", " around \n") end },
  { "sign /dev/null --secret-file spaces", before = function(w) w.write("spaces", " before\n") end },
  { "send app_unavailable --url ftp://127.0.0.1/" },
  { "send --file none.json" },
  { "send app_unavailable --ca-file none.pem --url https://127.0.0.1:1/" },
  { "send app_unavailable --url http://127.0.0.1:1/ --signature 'a\nb'" },
  { "sign body.json", before = body, environment = NO_SECRET },
  { "sign none.json" },
  { "verify body.json --signature hmacsha256=00" },
  { "verify body.json --signature sha1=00" },
  { "verify body.json --signature nonsense" },
  { "verify body.json --signature " .. signature.sign("the secret", BODY) },
  { "verify body.json --signature " .. signature.sign("another", BODY) },
  { "verify none.json --signature hmacsha256=00" },
  { "explain body.json --signature hmacsha256=00 --table" },
  { "explain body.json --table --signature " .. signature.sign("the secret", BODY) },
  { "explain body.json --table --signature " .. signature.sign("the secret", BODY .. "\n") },
  { "explain none.json --signature hmacsha256=00" },
  { "token", environment = { MARKETPLACE_KEY_FILE = false } },
  { "token --key-file none.p8" },
  { "token --key-file body.json" },
  { "token --key-file open.p8", when = "others can read the key", before = function(w)
    other_key(w)
    os.execute "cp other.p8 open.p8 && chmod 644 open.p8"
  end },
  { "token", environment = { MARKETPLACE_KEY_ID = false } },
  { "token", environment = { MARKETPLACE_ISSUER_ID = false } },
  { "token --individual --issuer-id 1" },
  { "token --lifetime long" },
  { "token --lifetime 100000" },
  { "token --back-dated -1" },
  { "token --scope GET" },
  { "token --nonce 1" },
  { "token marketplace" },
  { "token install" },
  { "token install --marketplace-id 1 --bundle-id com.example.app --dtype upload" },
}
