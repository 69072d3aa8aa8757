-- The yardstick: nginx reads the body and answers.
local ngx = ngx

return function()
  ngx.req.read_body()
  return ngx.exit(200)
end
