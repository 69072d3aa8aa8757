--- A function that tells `warn` each message only once, however often a connection is made and checked.
---@param warn? fun(message: string)
---@return fun(message: string)
return function(warn)
  local told = {}
  return function(message)
    if warn and not told[message] then warn(message) end
    told[message] = true
  end
end
