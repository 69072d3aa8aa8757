local function go_on() end

--- Keeps the current request from being ended when its client goes away, as lua_check_client_abort has it: it may be in
--- the middle of what others wait for. Otherwise, and in timers, there is nothing to do.
return function()
  pcall(ngx.on_abort, go_on)
end
