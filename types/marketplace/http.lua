---@meta marketplace.http
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.http
local http = {}

--- Begins an exchange; `poll` moves it on.
---@param request table
---@return marketplace.Exchange|nil exchange
---@return string? message
---@return string? code
---@return table? detail
function http.start(request) end

--- Moves all exchanges of this thread on; where none has anything to do, waits, but never in nginx.
---@param seconds number the longest wait
---@return integer running how many are not done
function http.poll(seconds) end

--- Moves all exchanges of this thread on, unless that has just been done. libcurl examines each of them: if every
--- exchange asked for it, a few hundred would keep a processor busy.
function http.probe() end

--- A pause for `exchange` that probes again and again, and lets others run in between.
---@param sleep fun(seconds: number)
---@return fun(exchange: table)
function http.probing_pause(sleep) end

--- One exchange. Without `pause` it blocks until it ends, but never in nginx.
---@param request table
---@param pause? fun(exchange: table) is called again and again while the answer is not there: the place to yield to
--- others, who call `poll`
---@return table|nil response
---@return string? message
---@return string? code
---@return table? detail
function http.exchange(request, pause) end

return http
