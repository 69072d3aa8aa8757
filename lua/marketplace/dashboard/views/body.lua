--- The body of a notification, byte for byte, as a file: what was signed.
local search = require "marketplace.dashboard.search"

local view = { path = "/notification/body", title = "Body", section = "/inbox" }

function view.get(context)
  local id = context.query.entry or ""
  local entry, message
  if search.is_text(id) then entry, message = context.inbox:get(id) end
  if message then return nil, context.failed(message) end
  if not (entry and entry.body) then return nil, context.not_found "No body is kept of a notification with this id." end
  return nil, context.file(entry.body, "notification.json")
end

return view
