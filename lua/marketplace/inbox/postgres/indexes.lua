--- The conditions of the table's partial indexes, for statements that are to use them.
---
--- Each excludes a `seq` of its own that no entry has. So no other statement implies it, and the planner has no choice:
--- with statistics of a time when nothing waited, it would take whichever index was small then, and read all of it.
local indexes = {}

local count = 0

local function condition(text)
  count = count + 1
  return ("(%s AND seq <> -%d)"):format(text, count)
end

indexes.LANE = condition "state IN ('ready', 'leased')"                      -- by lane, leads, seq, received_at
indexes.READY = condition "leads AND state = 'ready' AND losses = 0"         -- by at, seq
indexes.ALONE = condition "leads AND state = 'ready' AND losses > 0"         -- by at, seq
indexes.LEASED = condition "state = 'leased'"                                -- by at
indexes.LEADING = condition "leads"                                          -- by set_at
indexes.DEAD = condition "state = 'dead'"                                    -- by seq, code
indexes.DONE = condition "state = 'done'"                                    -- by at
indexes.WITH_BODY = condition "state = 'done' AND body IS NOT NULL"          -- by at

return indexes
