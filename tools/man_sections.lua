-- What the manual page says beside what the command says of itself.
local sections = {}

--- Variables of the environment, and what each sets.
sections.ENVIRONMENT = {
  { "MARKETPLACE_SECRET", "the webhook's secret, if --secret-file names no file" },
  { "MARKETPLACE_INBOX", "URL of the inbox, if --inbox names none" },
  { "MARKETPLACE_PACKAGES", "folder of the packages, if --folder names none" },
  { "MARKETPLACE_CONFIG", "the config file, if --config names none" },
  { "MARKETPLACE_KEY_FILE", "private key of App Store Connect's API, if --key-file names none" },
  { "MARKETPLACE_KEY_ID", "the key's id, if --key-id names none" },
  { "MARKETPLACE_ISSUER_ID", "the team's issuer id, if --issuer-id names none" },
  { "MARKETPLACE_API_URL", "server to use in place of App Store Connect, if --api-url names none; for `simulate " ..
    "event` and the like, the simulator" },
  { "PGHOST, PGPORT, PGPASSWORD, PGPASSFILE and the like", "what libpq reads, for an inbox in PostgreSQL" },
  { "REDISCLI_AUTH", "the password, for an inbox in Redis whose URL has none" },
  { "HOME", "where the config file is looked for" },
  { "NO_COLOR, TERM", "whether the log on a terminal is coloured: not if NO_COLOR is set, or TERM is dumb" },
}

--- Files, and what each is.
sections.FILES = {
  { "~/.config/marketplace/config, /etc/marketplace/config", "the first that is there: settings that all commands " ..
    "share, a line `name = value` each; the names are key_file, key_id, issuer_id, individual, api_url, ca_file, " ..
    "inbox, attempts, keep, packages, alert_command, alert_state and alert_age. Paths are relative " ..
    "to its folder. Others must not be able to read it: mode 0600, or 0640 if it is root's" },
  { "marketplace.db", "in the current folder: the inbox, unless another is named; SQLite, with marketplace.db-wal " ..
    "and marketplace.db-shm, which belong to it, and marketplace.db-holders, by which workers see who lives" },
  { "packages/", "in the current folder: the packages, unless another folder is named. packages/public is what " ..
    "devices download, packages/state has the database store.db and the key blobs, keys.db" },
  { "marketplace.reconcile.json", "in the current folder: how far reconcile came, unless --state names another file" },
  { "SECRET_FILE.rotation", "beside the file of secrets: how far webhooks rotate-secret came; only that removes it" },
  { "marketplace.db-alerts, marketplace.alerts.json", "beside an inbox in SQLite, and in the current folder for " ..
    "others: which alerts were told, unless --alert-state names another file" },
  { "marketplace.dashboard.token", "in the current folder: what signs in to the dashboard, unless --token-file " ..
    "names another" },
  { "simulated-key.p8, phone.json", "in the current folder: the key of simulate, and the device of simulate device" },
}

--- What an operator does first, and at night.
sections.EXAMPLES = {
  { "Receive notifications, and run a handlers file for them", "marketplace serve handlers.lua --secret-file secret" },
  { "Send it one of Apple's, as App Store Connect would", "marketplace send app_unavailable --secret-file secret" },
  { "See what failed for good, and why", "marketplace inbox list --state dead" },
  { "See one with its body, its attempts and its errors", "marketplace inbox show ID" },
  { "Have all of them run again, after the bug is fixed", "marketplace inbox replay --code failed" },
  { "Put into the inbox what was missed", "marketplace reconcile --app 6740012345" },
  { "Look at the marketplace as devices do", "marketplace check --device-config device.lua --app 6740012345" },
  { "Change the webhook's secret without losing a notification",
    "marketplace webhooks rotate-secret ID --secret-file secret --pid-file /run/marketplace.pid" },
}

--- Exit statuses, and what each means.
sections.EXIT_STATUS = {
  { "0", "done; of `serve`, `work` and `packages work`: stopped as asked" },
  { "1", "failed, or something was found: what, and what to do, is on the standard error stream. Of `verify` and " ..
    "`explain`: the signature is not valid. Of `check`: something is wrong. Of `reconcile`: something could not be " ..
    "compared, stored or remembered" },
  { "2", "wrong usage: nothing was done, and the usage is shown" },
}

return sections
