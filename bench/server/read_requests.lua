-- The requests of a file that requests.lua has written: a function that returns them one after another,
-- and nil at the end; and how many there are.
--
-- LuaJIT hashes a long string by sixteen of its bytes. Requests that happen to be alike in those take minutes to make
-- if all of them are kept, so a request is cut out of its block when it is asked for.
local IN_BLOCK = 1000 -- requests

return function(path)
  local file = assert(io.open(path, "rb"))
  local length = assert(file:read "*n")
  file:read(1)
  local blocks, bytes = {}, 0
  for block in function() return file:read(length * IN_BLOCK) end do
    blocks[#blocks + 1], bytes = block, bytes + #block
  end
  file:close()
  local block, at = 1, 0
  return function()
    if blocks[block] and at == #blocks[block] then block, at = block + 1, 0 end
    if not blocks[block] then return nil end
    at = at + length
    return blocks[block]:sub(at - length + 1, at)
  end, bytes / length
end
