--- The SQL inbox as its first schema made it, written down here because the program's own statements may go on: to
-- see that what it holds is still there after the schema was brought up to date.
local assert = require "luassert"

local former_inbox = {}

local ENTRIES = {
  "('a', 'a', 'digest of a', 'T', 'other', 'x', 'x', 1.5, 10, 20, 'done', 0, 1, 1, NULL, NULL, 'scope of a')",
  "('b', 'b', 'digest of b', 'T', 'other', 'x', 'x', 2.5, 11, 11, 'ready', 1, 0, 0, '{}', NULL, NULL)",
  "('c', 'c', 'digest of c', NULL, NULL, NULL, 'c', NULL, 12, 12, 'dead', 0, 0, 0, 'hex:00ff', 'not JSON', NULL)",
}

--- The statements that make the first version and put three notifications into it: one ready, one done, one dead.
---@param types {seq: string, real: string}
---@return string[]
function former_inbox.statements(types)
  return {
    ("CREATE TABLE inbox (seq %s, identity text NOT NULL UNIQUE, key text NOT NULL, digest text NOT NULL, " ..
      "type text, event text, app_id text, lane text NOT NULL, event_time %s, received_at %s NOT NULL, " ..
      "due %s NOT NULL, state text NOT NULL, head integer NOT NULL DEFAULT 0, attempt integer NOT NULL DEFAULT 0, " ..
      "token integer NOT NULL DEFAULT 0, body text, reason text, scope text)"):format(
      types.seq, types.real, types.real, types.real),
    "CREATE INDEX inbox_due ON inbox (due, seq) WHERE head = 1",
    "CREATE INDEX inbox_leased ON inbox (due, seq) WHERE head = 1 AND state = 'leased'",
    "CREATE INDEX inbox_lane ON inbox (lane, seq) WHERE state IN ('ready', 'leased')",
    "CREATE INDEX inbox_dead ON inbox (seq) WHERE state = 'dead'",
    "CREATE INDEX inbox_done ON inbox (due) WHERE state = 'done'",
    "CREATE INDEX inbox_later ON inbox (app_id, event_time) WHERE state = 'done'",
    "INSERT INTO inbox (identity, key, digest, type, event, app_id, lane, event_time, received_at, due, state, " ..
      "head, attempt, token, body, reason, scope) VALUES " .. table.concat(ENTRIES, ", "),
  }
end

--- Checks that an inbox opened on it has all of it, and works.
function former_inbox.check(box)
  local states = {}
  for i, entry in ipairs(box:list {}) do
    states[i] = entry.identity .. " " .. entry.state
    assert.is_nil(entry.verified_by)
  end
  assert.same({ "a done", "b ready", "c dead" }, states)
  assert.same({ 1.5, 20, "scope of a" }, { box:get("a").time, box:get("a").at, box:get("a").scope })
  assert.same({ "\0\255", "not JSON" }, { box:get("c").body, box:get("c").reason })
  local outcomes = box:put({
    { key = "a", digest = "digest of a", type = "T", event = "other", app_id = "x", body = "{}" },
    { key = "d", digest = "digest of d", type = "T", event = "other", app_id = "x", body = "{}", verified_by = "f" },
  }, 30)
  assert.same({ "duplicate", "stored" }, outcomes)
  assert.equal("f", box:get("d").verified_by)
  assert.equal("{}", box:claim(10, 31, 60)[1].body)
  assert.equal(36, #box:id())
end

return former_inbox
