--- What the endpoints answer: made of the store's rows, and with the key that signs tokens. What goes in and what comes
--- out is plain, so that nginx can have it made in a thread (marketplace.nginx.device).
local install = require "marketplace.device.install"
local licence_job = require "marketplace.device.licence_job"
local questions = require "marketplace.device.questions"
local responses = require "marketplace.responses"
local restore = require "marketplace.device.restore"
local updates = require "marketplace.device.updates"

local answerer = {}

---@class marketplace.device.Answerer
---@field packages marketplace.Packages
---@field issue fun(app: table, now: number): string|nil, string?, string? see marketplace.token.install_issuer
---@field clock fun(): number seconds since the epoch, for tokens
---@field packages_url string without a slash at its end
---@field update_dtype "download"|"redownload"
---@field share_url? string
---@field envelope_key? table of core.envelope_key, if there are licences
local Answerer = {}
Answerer.__index = Answerer

local function found(document, tokens)
  local answer = responses.json(200, document)
  answer.tokens = tokens
  return answer
end

local function apps_endpoint(part)
  return {
    read = questions.of_apps,
    answer = function(self, question)
      local document, message, code = part.answer(self, question)
      if not document then return nil, message, code end
      return found(document, #(document.updates or document.restores))
    end,
  }
end

local function answer_install(self, question)
  local document, message, code = install.answer(self, question)
  if document then return found(document, 1) end
  if code ~= "not_found" and code ~= "unfit" then return nil, message, code end
  return responses.json(404, {
    appleItemId = question.app, appleVersionId = question.version, failure = { code = 404, description = message },
  })
end

local function licence_endpoint(kind, read_question)
  return {
    read = read_question,
    answer = function(self, question)
      local job, message, code = licence_job.of(kind, { key = self.envelope_key, packages = self.packages }, question)
      if not job then return nil, message, code end
      return { job = job }
    end,
  }
end

local ENDPOINTS = {
  updates = apps_endpoint(updates), restore = apps_endpoint(restore),
  install = { read = questions.of_install, answer = answer_install },
  license = licence_endpoint("dynamic", questions.of_license),
  ["license/renewal"] = licence_endpoint("renewal", questions.of_renewal),
}

--- Answers what an endpoint is asked.
---@param name "updates"|"restore"|"install"|"license"|"license/renewal" the endpoint
---@param body string
---@param account string who asks
---@param territory? string of the account
---@return {status: integer, headers: table<string, string>, body: string, tokens: integer|nil}|{job: table}|nil answer
--- of licences only a job, a marketplace.device.LicenceJob, which the sidecar finishes
---@return string? message
---@return string? code store_unavailable, crypto_failed, out_of_memory
function Answerer:answer(name, body, account, territory)
  local endpoint = ENDPOINTS[name]
  local question, problem = endpoint.read(body)
  if not question then return responses.plain(400, problem) end
  question.account, question.territory = account, territory
  return endpoint.answer(self, question)
end

--- See Device:install.
---@param given marketplace.DeviceInstallOptions
---@return table|nil document
---@return string? message
---@return string? code not_found, unfit, store_unavailable, crypto_failed
function Answerer:install(given)
  return install.answer(self, given)
end

--- One that answers.
---@param given {packages: marketplace.Packages, issue: function, clock: (fun(): number), packages_url: string,
--- update_dtype: "download"|"redownload", share_url?: string, envelope_key?: table} as the class has them
---@return marketplace.device.Answerer
function answerer.new(given)
  local self = {}
  for name, value in pairs(given) do self[name] = value end
  return setmetatable(self, Answerer)
end

return answerer
