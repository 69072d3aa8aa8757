#!/bin/sh
# Rotates the secret of one webhook once a quarter: for cron, or a systemd timer. What it needs is in the environment:
#
#     WEBHOOK        the webhook's id, as `marketplace webhooks list` shows it
#     SECRETS        the secret file that the receiver reads
#     PID_FILE       that of the receiver, from `marketplace serve --pid-file`
#     INBOX          the receiver's inbox, such as sqlite:marketplace.db
#     MARKETPLACE    the command (marketplace)
#
# and the API key's MARKETPLACE_KEY_FILE, MARKETPLACE_KEY_ID and MARKETPLACE_ISSUER_ID. If it was stopped, it
# continues when it is run again, so a failure needs no more than the mail that cron sends.
set -eu

for name in WEBHOOK SECRETS PID_FILE INBOX; do
  eval "value=\${$name:-}"
  [ -n "$value" ] || { echo "$name is not set" >&2 && exit 2; }
done

${MARKETPLACE:-marketplace} webhooks rotate-secret "$WEBHOOK" --secret-file "$SECRETS" --pid-file "$PID_FILE" \
  --inbox "$INBOX" --grace "${GRACE:-3600}" --yes
