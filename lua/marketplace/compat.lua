--- What differs between the Luas.
local compat = {}

--- unpack(list, first, last)
compat.unpack = rawget(table, "unpack") or rawget(_G, "unpack")

return compat
