--- What is wrong with a request, as App Store Connect reports it: error objects (JSON:API, "Error objects") with
--- Apple's codes and titles.
local problems = {}

local TITLES = {
  ["PARAMETER_ERROR.ILLEGAL"] = "A given parameter is not allowed.",
  ["PARAMETER_ERROR.INVALID"] = "A parameter has an invalid value",
  NOT_AUTHORIZED = "Authentication credentials are missing or invalid.",
  FORBIDDEN_ERROR = "The given operation is not allowed",
  ["FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED"] = "A required agreement is missing or has expired.",
  NOT_FOUND = "The specified resource does not exist",
  METHOD_NOT_ALLOWED = "The request method is not valid for the resource path.",
  UNSUPPORTED_MEDIA_TYPE = "The request entity has a media type that is not supported.",
  ["ENTITY_ERROR.ATTRIBUTE.REQUIRED"] = "The provided entity is missing a required attribute",
  ["ENTITY_ERROR.ATTRIBUTE.UNKNOWN"] = "The provided entity includes an unknown attribute",
  ["ENTITY_ERROR.ATTRIBUTE.TYPE"] = "An attribute in the provided entity has the wrong type",
  ["ENTITY_ERROR.ATTRIBUTE.INVALID"] = "An attribute in the provided entity has invalid value",
  ["ENTITY_ERROR.RELATIONSHIP.REQUIRED"] = "The provided entity is missing a required relationship",
  ["ENTITY_ERROR.RELATIONSHIP.UNKNOWN"] = "The provided entity includes an unknown relationship",
  ["ENTITY_ERROR.RELATIONSHIP.INVALID"] = "The provided entity includes a relationship with an invalid value",
  ENTITY_ERROR = "There is a problem with the request entity",
  STATE_ERROR = "The request cannot be fulfilled because of the state of another resource.",
  ENTITY_UNPROCESSABLE = "The provided entity is unprocessable",
  RATE_LIMIT_EXCEEDED = "The request rate limit has been reached.",
  UNEXPECTED_ERROR = "An unexpected error occurred.",
}

--- One error.
---@param status integer
---@param code string one of Apple's
---@param detail string for people
---@param source? {pointer?: string, parameter?: string}
---@return table
function problems.new(status, code, detail, source)
  return { status = status, code = code, title = TITLES[code], detail = detail, source = source }
end

--- The answer with these errors; its status is the first one's.
---@param list table[]
---@return {status: integer, document: table, headers: table}
function problems.answer(list)
  local errors = {}
  for i, problem in ipairs(list) do
    errors[i] = {
      status = tostring(problem.status), code = problem.code, title = problem.title, detail = problem.detail,
      source = problem.source,
    }
  end
  return { status = list[1].status, document = { errors = errors }, headers = {} }
end

--- An answer with one error.
function problems.one(...)
  return problems.answer { problems.new(...) }
end

return problems
