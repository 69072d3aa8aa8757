--- A path as nginx takes its own: a relative one begins at nginx's prefix.
---@param path string
---@return string
return function(path)
  return path:sub(1, 1) == "/" and path or ngx.config.prefix() .. path
end
