--- Texts of the command that no case has said, each with the reason, or with the spec that has it said.
local RACE = "somebody else must do something at the same moment"
local HISTORY = "of what happened to a notification: cli_inbox_actions_spec"
local RUNNING = "of a command that runs until it is stopped: server_spec and others start it"

return {
  ["renew it, and have the server load the new one"] = "needs a server with a certificate: check_spec",
  ["the token crosses the network unencrypted from other machines to %s: use "] = RUNNING,
  ["--tls-cert and --tls-key, or 127.0.0.1 with an SSH tunnel or a proxy in front"] = RUNNING,
  ["open it:  %s\\nsign in with what this shows:  cat %s"] = RUNNING,
  ["it expires at "] = "of a certificate that is reread: cli_spec",
  ["stands in for App Store Connect"] = RUNNING,
  ["gives licences that no iPhone takes"] = RUNNING,
  ["attempt %d ended without a result"] = HISTORY, ["was delivered again, and made ready"] = HISTORY,
  ["was to run at once"] = HISTORY,
  ["has just ended"] = RACE,
  ["has just run"] = RACE,
  [" has just run"] = RACE,
  ["%s (until then: %d deleted, %d without a body now)"] = "the inbox must fail in the middle: cli_inbox_actions_spec",
  ["made ready again: %d; what they wait for is not known: %s"] = "the same",
  ["what was in its place is %s (%s)"] = "needs an inbox that cannot be read any more: inbox_backup_spec",
  ["is here, and is not published, as it has been taken down"] = RACE,
  ["is not published, as another version has replaced it"] = RACE,
  ["stopped; what has arrived is kept, and the next fetch goes on"] = "after Ctrl-C: cli_packages_spec",
  ["cannot fetch packages"] = "a line of the log, in docs/operating.md",
  ["the end of a job is not recorded"] = "a line of the log, in docs/operating.md",
  [" (to go on without it: --accept %s)"] = "needs a history of deliveries: reconcile_spec",
  [" (to acknowledge that: --accept-gap)"] = "needs a history of deliveries: reconcile_spec",
  [" (the next run without --since compares the rest)"] = "needs a history of deliveries: reconcile_spec",
  [" (marketplace webhooks update %s --event TYPE; repeat --event for all that it is to send)"] =
    "needs a history of deliveries: reconcile_spec",
  ["App Store Connect does not say which app it belongs to"] = "an answer that is not as Apple documents it",
  ["it has no URL"] = "an answer that is not as Apple documents it",
  ["it failed with status %s: %s"] = "in the middle of a rotation: webhooks_spec",
  ["the config file belongs to another user (uid %d): %s"] = "needs another user: credentials_spec",
  ["the Lua module "] = "needs a rock that is not installed: cli_spec",
  ["%s is not installed: luarocks install %s"] = "needs a rock that is not installed: cli_spec",
  ["%s cannot be loaded: %s\\nTo reinstall it: luarocks install %s"] = "needs a rock that is broken: cli_spec",
  ["nothing shows that process %d wrote the pid file %s"] = "needs a system without /proc",
  [": ports below 1024 need root's rights, or CAP_NET_BIND_SERVICE"] = "needs a user without root's rights",
}
