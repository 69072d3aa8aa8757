-- What nginx and its module for Lua take for the same exchange: the body is read, and an answer of the same size sent.
local body = ("x"):rep(tonumber(os.getenv "ANSWER_BYTES"))

return function()
  ngx.req.read_body()
  ngx.header["content-type"], ngx.header["cache-control"] = "application/json", "no-store"
  ngx.header["content-length"] = #body
  ngx.print(body)
end
