--- The requests of responders, such as marketplace.device: each is a task, so that one which waits, as for a licence,
--- holds up neither notifications nor others.
local core = require "marketplace.core"
local http = require "marketplace.http"
local responders = require "marketplace.responders"
local responses = require "marketplace.responses"
local scheduler = require "marketplace.client.scheduler"

local responding = {}

---@class marketplace.server.Responding
local Responding = {}
Responding.__index = Responding

local MOST_SECONDS = 70 -- that a request may take: Apple's devices give a licence 60
local LOOK_SECONDS = 0.5 -- between two looks at those that wait
local EXCHANGE_SECONDS = 0.005 -- the longest wait for the sockets while a task's exchange is under way
local CLIENT_GONE, NO_ANSWER = 499, { status = 444, headers = {}, body = "" }

--[[ Refusals ]]

local first_line = responders.first_line

local function show(self, job, status, reason, level)
  self.receiver:show_refused(responders.refused(job.responder, job.request, status, reason, level))
end

-- What a responder does wrong must not end the server.
local function count(self, job, status, many)
  local responder = job.responder
  if not responder.refused then return end
  local ok, problem = pcall(responder.refused, responder, job.request.path, status, many)
  if not ok then show(self, job, status, "it is not counted: " .. tostring(problem), "error") end
end

local function give(self, job, answer)
  self.done[#self.done + 1], self.answers[#self.answers + 1] = job, answer
end

-- What has no answer of its responder's.
local function refuse(self, job, answer, reason, level)
  count(self, job, answer.status)
  show(self, job, answer.status, reason, level)
  give(self, job, answer)
end

local function fail(self, job, reason, level)
  refuse(self, job, responses.refusal "unavailable", reason, level)
end

--[[ Answers ]]

local function send_each(self, done, answers)
  for i, job in ipairs(done) do
    local ok, problem = pcall(self.http.answer, self.http, { job.request }, { answers[i] })
    if not ok then
      self.http:answer({ job.request }, { responses.refusal "unavailable" })
      show(self, job, 503, "the answer cannot be sent: " .. tostring(problem), "error")
    end
  end
end

-- The server checks all of them before it takes any.
local function send(self)
  local done, answers, requests = self.done, self.answers, {}
  if #done == 0 then return end
  self.done, self.answers = {}, {}
  for i, job in ipairs(done) do requests[i] = job.request end
  if not pcall(self.http.answer, self.http, requests, answers) then send_each(self, done, answers) end
end

--[[ Tasks ]]

local function with_query(request)
  return request.query and request.path .. "?" .. request.query or request.path
end

local function begin(self, job)
  local request = job.request
  job.began = core.monotonic()
  job.task = self.tasks:add(function()
    return job.responder:handle {
      method = request.method, path = with_query(request), headers = request.headers, body = request.body,
      remote = request.remote,
    }
  end, function(ok, status, headers, body, reason)
    job.has_ended = true
    if not ok then return fail(self, job, tostring(status), "error") end
    if responders.is_refusal(status) then show(self, job, status, reason or first_line(body)) end
    give(self, job, { status = status, headers = headers, body = body })
  end)
  self.waiting[#self.waiting + 1] = job
end

local function begin_next(self)
  local job = table.remove(self.queue, 1)
  if job then begin(self, job) end
end

-- Keeps those that wait on: `goes_on` says of a job whether it does.
local function keep(self, goes_on)
  local kept = {}
  for _, job in ipairs(self.waiting) do
    if not job.has_ended and goes_on(job) then kept[#kept + 1] = job end
  end
  self.waiting = kept
end

local function run_tasks(self)
  self.tasks:turn()
  local waits = 0
  keep(self, function(job)
    waits = waits + 1
    if waits <= self.most_waiting then return true end
    self.tasks:stop(job.task)
    fail(self, job, ("%d requests wait already"):format(self.most_waiting))
    return false
  end)
end

-- Whether nobody waits for it any more: then it is given up.
local function is_given_up(self, job)
  if not self.http:is_abandoned(job.request) then return false end
  count(self, job, CLIENT_GONE)
  give(self, job, NO_ANSWER)
  return true
end

-- To begin what somebody has asked for and left would hold up those who wait.
local function keep_queued(self)
  local kept = {}
  for _, job in ipairs(self.queue) do
    if not is_given_up(self, job) then kept[#kept + 1] = job end
  end
  self.queue = kept
end

local function look_after(self)
  local now = core.monotonic()
  if now < self.looks_at then return end
  self.looks_at = now + LOOK_SECONDS
  keep_queued(self)
  keep(self, function(job)
    local is_late, is_gone = now - job.began > MOST_SECONDS, is_given_up(self, job)
    if not is_late and not is_gone then return true end
    self.tasks:stop(job.task)
    if not is_gone then fail(self, job, ("it was not answered within %d s"):format(MOST_SECONDS), "error") end
    return false
  end)
end

--[[ For the server ]]

local function take(self, request, responder)
  local job = { request = request, responder = responder }
  local answer = responders.fault_answer(request, responder.max_body)
  if not answer then
    self.queue[#self.queue + 1] = job
    return
  end
  refuse(self, job, answer, first_line(answer.body))
end

--- Takes a request if it is a responder's.
---@param request table as of marketplace.http_server
---@return boolean
function Responding:takes(request)
  local list = self.receiver.responders
  local ok, responder = pcall(list.find, list, request.path)
  if not ok then
    fail(self, { request = request, responder = {} }, tostring(responder), "error")
  elseif responder then
    take(self, request, responder)
  end
  return not ok or responder ~= nil
end

--- Counts requests that the server refused by itself, and of which nothing else is known any more.
---@param route table of Responders.routes
---@param status integer
---@param many integer how many
function Responding:count_refused(route, status, many)
  local job = { request = { method = "POST", path = route.path }, responder = route.responder }
  count(self, job, status, many)
  self.receiver:sum_refused(responders.code(job.responder), status, many)
end

--- Begins what was taken, goes on with what waited, and sends what has come of it.
---@param seconds number after which no more are begun
function Responding:turn(seconds)
  if #self.queue > 0 or #self.waiting > 0 then
    local deadline = core.monotonic() + seconds
    http.poll(0)
    repeat
      begin_next(self)
      run_tasks(self)
    until #self.queue == 0 or core.monotonic() >= deadline
    look_after(self)
  end
  send(self)
end

--- How long there is nothing to do unless something comes.
---@param seconds number at most
---@return number
function Responding:pause(seconds)
  if #self.queue > 0 then return 0 end
  if #self.waiting == 0 then return seconds end
  local wait, is_exchanging = self.tasks:next_in(math.min(seconds, LOOK_SECONDS))
  return is_exchanging and math.min(wait, EXCHANGE_SECONDS) or wait
end

--- How many wait.
---@return integer
function Responding:count()
  return #self.queue + #self.waiting
end

--- Ends all that wait, and answers 503.
function Responding:close()
  local left = self.waiting
  for _, job in ipairs(self.queue) do left[#left + 1] = job end
  self.tasks:close()
  self.queue, self.waiting = {}, {}
  for _, job in ipairs(left) do fail(self, job, "stopping") end
  send(self)
end

---@param given {http: table, receiver: marketplace.Receiver, most_waiting: integer} most_waiting: at the same time; a
--- request beyond that which has to wait is answered 503
---@return marketplace.server.Responding
function responding.new(given)
  return setmetatable({
    http = given.http, receiver = given.receiver, most_waiting = given.most_waiting, queue = {}, waiting = {},
    tasks = scheduler.new(core.monotonic, function() end), looks_at = 0, done = {}, answers = {},
  }, Responding)
end

return responding
