--- Signing out.
local logout = { path = "/logout", title = "Sign out" }

function logout.post(context)
  local answer = context.redirect "/login"
  answer.headers["set-cookie"] = context.dashboard.sessions:finish(context.session, context.url "/")
  return answer
end

return logout
