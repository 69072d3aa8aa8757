--- Examples of every command, for --help and the manual page: what somebody wants, and what is typed for it.
local examples = {}

local EXAMPLES = {
  serve = {
    { "receive on 127.0.0.1:8080, behind a proxy that speaks HTTPS",
      "marketplace serve handlers.lua --secret-file secret" },
    { "receive from the internet, keep notifications in PostgreSQL, and leave callbacks to `work`",
      "marketplace serve handlers.lua --no-dispatch --inbox postgres://marketplace@db/inbox --secret-file secret " ..
        "--host 0.0.0.0 --port 443 --tls-cert chain.pem --tls-key key.pem" },
    { "have a program of yours run when something is wrong",
      "marketplace serve handlers.lua --secret-file secret --alert-command /usr/local/bin/page" },
    { "try a handlers file, and keep nothing", "marketplace serve handlers.lua --inbox memory --secret-file secret" },
  },
  work = {
    { "run callbacks for what another process receives", "marketplace work handlers.lua" },
    { "the same, with metrics for Prometheus", "marketplace work handlers.lua --metrics-port 9466" },
  },
  dashboard = {
    { "look at the inbox in a browser on this machine", "marketplace dashboard --token-file dashboard-token" },
    { "also show packages, and what check says of an app's webhooks",
      "marketplace dashboard --token-file dashboard-token --packages /srv/packages --app 6740012345" },
  },
  ["inbox list"] = {
    { "see what failed for good, and why", "marketplace inbox list --state dead" },
    { "see what waits, the oldest first", "marketplace inbox list --state ready --oldest" },
    { "see what came for an app since yesterday", "marketplace inbox list --app 6740067890 --since 1d" },
  },
  ["inbox show"] = { { "see a notification with its body and its errors", "marketplace inbox show ID" } },
  ["inbox replay"] = {
    { "have one notification run again", "marketplace inbox replay ID" },
    { "have all run again that failed, after the bug is fixed", "marketplace inbox replay --code failed" },
    { "have what is done run again for one app", "marketplace inbox replay --done --app 6740067890 --since 2d" },
  },
  ["inbox run"] = {
    { "have one notification run now, without waiting for its next try", "marketplace inbox run ID" },
    { "have all that wait for one app run now", "marketplace inbox run --app 6740067890" },
  },
  ["inbox cancel"] = {
    { "give up a notification that holds up others of its app",
      "marketplace inbox cancel ID --reason 'the app was sold'" },
    { "give up all that came before yesterday", "marketplace inbox cancel --before 1d --yes" },
  },
  ["inbox forward"] = {
    { "have a program on this machine get what came in the last hour",
      "marketplace inbox forward --to http://127.0.0.1:8080/notifications --since 1h" },
    { "have it get what arrives, until this is stopped",
      "marketplace inbox forward --to http://127.0.0.1:8080/notifications --follow" },
  },
  ["inbox prune"] = {
    { "forget the bodies of what was done before last month", "marketplace inbox prune --bodies-before 30d" },
  },
  ["inbox backup"] = { { "copy the inbox while it is used", "marketplace inbox backup /var/backups/inbox.db" } },
  ["inbox restore"] = {
    { "put the copy in the inbox's place", "marketplace inbox restore /var/backups/inbox.db --yes" },
  },
  ["inbox stats"] = { { "count what waits, runs, is done and is dead", "marketplace inbox stats" } },
  ["packages fetch"] = {
    { "fetch a version that failed now, and see what happens", "marketplace packages fetch --version ID" },
    { "fetch all that is wanted, and end", "marketplace packages fetch" },
  },
  ["packages sync"] = {
    { "want what was missed of the packages that are known here", "marketplace packages sync" },
  },
  ["packages work"] = {
    { "fetch and publish what callbacks request, until stopped",
      "marketplace packages work --folder /srv/packages --metrics-port 9466" },
    { "leave bandwidth to others", "marketplace packages work --max-rate 20M --parallel 2" },
  },
  ["packages list"] = {
    { "see what devices are offered", "marketplace packages list --current" },
    { "see what is still to be fetched, and why it is not here", "marketplace packages list --state wanted" },
  },
  ["packages show"] = { { "see a version with what proves each asset", "marketplace packages show ID" } },
  ["packages verify"] = { { "read all that is served, and compare it", "marketplace packages verify --all" } },
  ["packages withdraw"] = {
    { "stop serving an app in France", "marketplace packages withdraw --app 6740067890 --territory FRA" },
  },
  ["packages restore"] = { { "serve an app again", "marketplace packages restore --app 6740067890" } },
  ["packages hold"] = {
    { "stop serving an app, whatever Apple says later",
      "marketplace packages hold --app 6740067890 --reason 'court order'" },
  },
  ["packages release"] = { { "end that hold", "marketplace packages release --app 6740067890" } },
  ["packages collect"] = {
    { "free the space of what was replaced a day ago", "marketplace packages collect --older-than 1d" },
  },
  spotlight = {
    { "write the pages of the catalogue for a web server",
      "marketplace spotlight spotlight.lua /var/www/market --folder /srv/packages" },
  },
  ["webhooks list"] = {
    { "see the webhooks of an app", "marketplace webhooks list --app 6740012345" },
    { "see the account's webhook of generation 1", "marketplace webhooks list --generation 1" },
  },
  ["webhooks create"] = {
    { "have the marketplace's events sent to your receiver",
      "marketplace webhooks create --app 6740012345 --name market --url https://market.example/notifications " ..
        "--secret-file secret" },
    { "see the request, and send nothing",
      "marketplace webhooks create --app 6740012345 --name market --url https://market.example/notifications " ..
        "--secret-file secret --dry-run" },
  },
  ["webhooks update"] = {
    { "have a webhook send again that App Store Connect has disabled", "marketplace webhooks update ID --enabled" },
    { "have it send these types of events",
      "marketplace webhooks update ID --event version_available --event app_unavailable" },
  },
  ["webhooks delete"] = { { "delete a webhook without being asked", "marketplace webhooks delete ID --yes" } },
  ["webhooks ping"] = { { "see whether notifications arrive", "marketplace webhooks ping ID" } },
  ["webhooks deliveries"] = {
    { "see what did not arrive, and what your server answered",
      "marketplace webhooks deliveries ID --state FAILED --since 2d" },
  },
  ["webhooks redeliver"] = {
    { "have deliveries repeated", "marketplace webhooks redeliver DELIVERY_ID ANOTHER_ID" },
  },
  ["webhooks migrate"] = {
    { "make the webhooks of generation 2 beside the one of generation 1",
      "marketplace webhooks migrate --app 6740012345 --secret-file secret" },
  },
  ["webhooks rotate-secret"] = {
    { "change the secret of a receiver that serve runs",
      "marketplace webhooks rotate-secret ID --secret-file secret --pid-file /run/marketplace.pid" },
    { "the same, if several nginx receive",
      "marketplace webhooks rotate-secret ID --secret-file secret --reload-command 'systemctl reload nginx'" },
  },
  reconcile = {
    { "put into the inbox what was missed, hourly, by a timer", "marketplace reconcile --app 6740012345" },
    { "only see what was missed since yesterday", "marketplace reconcile --app 6740012345 --since 1d --dry-run" },
  },
  check = {
    { "look at all of a marketplace",
      "marketplace check --device-config device.lua --packages /srv/packages --app 6740012345" },
    { "look at a domain from anywhere", "marketplace check --domain market.example" },
  },
  send = {
    { "try a receiver on this machine", "marketplace send app_unavailable --secret-file secret" },
    { "with an app of yours", "marketplace send version_available --app 6740067890 --secret-file secret" },
    { "see that a forgery is refused", "marketplace send app_unavailable --signature hmacsha256=00" },
    { "see what can be sent", "marketplace send --list" },
  },
  sign = { { "sign a body as App Store Connect would", "marketplace sign body.json --secret-file secret" } },
  verify = {
    { "check a body that was received",
      "marketplace verify body.json --signature hmacsha256=00 --secret-file secret" },
  },
  explain = {
    { "find out why a body was refused",
      "marketplace explain body.json --signature hmacsha256=00 --secret-file secret" },
  },
  token = {
    { "ask App Store Connect's API with curl", "marketplace token --scope 'GET /v1/apps'" },
    { "make an install verification token by hand",
      "marketplace token install --marketplace-id 6740012345 --bundle-id com.example.chess --dtype download" },
  },
  simulate = {
    { "stand in for App Store Connect on 127.0.0.1:8090", "marketplace simulate" },
    { "repeat deliveries that fail, as App Store Connect does",
      "marketplace simulate --retry-after 5 --retry-after 60" },
  },
  ["simulate event"] = {
    { "have a new version become available", "marketplace simulate event version_available" },
    { "have an app go in France", "marketplace simulate event app_unavailable --app 6740067890 --territory FRA" },
  },
  ["simulate add-version"] = {
    { "add a version that no notification tells of", "marketplace simulate add-version --package ID" },
  },
  ["simulate versions"] = { { "see the versions that there are", "marketplace simulate versions" } },
  ["simulate set-state"] = { { "go back to an earlier version", "marketplace simulate set-state ID COMPLETED" } },
  ["simulate remove-version"] = { { "have a version be gone", "marketplace simulate remove-version ID" } },
  ["simulate fault"] = {
    { "have the next three requests answered 503", "marketplace simulate fault 503_html --times 3" },
    { "have no more faults", "marketplace simulate fault --clear" },
  },
  ["simulate redeliver"] = { { "repeat a delivery", "marketplace simulate redeliver DELIVERY_ID" } },
  ["simulate requests"] = { { "see what was asked, and how often", "marketplace simulate requests" } },
  ["simulate licences"] = {
    { "give licences that no iPhone takes", "marketplace simulate licences --socket /run/licences.sock" },
  },
  ["simulate device install"] = {
    { "install an app from a server on this machine",
      "marketplace simulate device install 6740067890 --domain http://127.0.0.1:8080" },
  },
  ["simulate device update"] = { { "ask for updates of all apps", "marketplace simulate device update" } },
  ["simulate device restore"] = { { "ask for all apps again", "marketplace simulate device restore" } },
  ["simulate device renew"] = { { "ask for new licences", "marketplace simulate device renew" } },
  ["simulate device list"] = { { "see what is installed", "marketplace simulate device list" } },
  ["simulate device remove"] = { { "remove an app", "marketplace simulate device remove 6740067890" } },
  completion = {
    { "have bash complete the command", "marketplace completion bash > /etc/bash_completion.d/marketplace" },
  },
}

--- The examples of a command.
---@param name string such as "inbox replay"
---@return {[1]: string, [2]: string}[] what for, and what is typed; none of a command of commands
function examples.of(name)
  return EXAMPLES[name] or {}
end

local WIDTH, INDENT = 94, "      "

-- A shell takes a line that ends in a backslash together with the next one.
local function wrapped(command)
  local lines, line = {}, nil
  for word in command:gmatch "%S+" do
    local longer = line and line .. " " .. word or word
    local is_option = word:find "^%-%-" ~= nil
    if line and is_option and #longer > WIDTH - #INDENT then
      lines[#lines + 1], line = line .. " \\", "  " .. word
    else
      line = longer
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. INDENT)
end

--- As --help shows them; nil if there are none.
---@param name string
---@return string?
function examples.text(name)
  local list = examples.of(name)
  if #list == 0 then return nil end
  local lines = { #list == 1 and "Example:" or "Examples:" }
  for _, example in ipairs(list) do
    lines[#lines + 1] = ("   %s:\n%s%s"):format(example[1], INDENT, wrapped(example[2]))
  end
  return table.concat(lines, "\n")
end

return examples
