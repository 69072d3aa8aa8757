-- The requests of a file that requests.lua has written.
return function(path)
  local requests = {}
  local file = assert(io.open(path, "rb"))
  local length = assert(file:read "*n")
  file:read(1)
  for request in function() return file:read(length) end do requests[#requests + 1] = request end
  file:close()
  return requests
end
