-- messages.lua: writes spec/fixtures/messages.txt anew, what every command says if something is wrong.
package.path = "spec/?.lua;spec/?/init.lua;" .. package.path
local messages = require "support.messages"

local said = messages.produce()
local file = assert(io.open(messages.PATH, "w"))
assert(file:write(said))
assert(file:close())
