--- How much the inbox in a SQLite file does at once. A table, so that specs can lower them: what takes several
--- transactions takes them with few entries then.
return {
  -- entries in a transaction, for which others wait
  recovered = 500, changed = 500,
  -- read at once of those that an operator changes, and looked at for them
  selected = 5000, examined = 20000,
  -- the same, of those that a claim places: at first, or as many as are claimed; and once those can all not be claimed
  placed = 128, placed_further = 500,
  -- transactions in a call of claim or recover, which the caller's other work waits for; the next call goes on
  slices = 4,
  -- of those that were not placed: how many are looked at for one that can be claimed
  seen = 1000,
  -- of those that were not placed: how many are looked at for their apps; to find those of one app; and for the first
  -- of an app, if not all are to be looked at
  new_apps = 5000, new_of_app = 100000, first_new = 2000,
  -- of the -wal, above which something keeps SQLite from writing it back; commits between two looks at its size
  log_bytes = 256 * 2 ^ 20, commits = 100,
  -- that are prepared on a connection, after which it is made anew: each filter has statements of its own
  statements = 500,
  -- apps whose leaders are looked up one by one
  apps = 16,
}
