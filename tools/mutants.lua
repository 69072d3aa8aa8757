--- The ways in which a source file, in Lua or C, can be broken a little: each is {kind=, edits=}, an edit being
--- {first=, last=, text=}, what comes in place of the bytes from first to last.
local mutants = {}

local COMMENTS = {
  lua = { "^%-%-%[(=*)%[.-%]%1%]", "^%-%-[^\n]*" },
  c = { "^//[^\n]*", "^/%*.-%*/", "^#[^\n]*\\\n[^\n]*", "^#[^\n]*" },
}
local OPERATORS = {
  "^%.%.%.", "^[=~!<>]=", "^&&", "^||", "^%->", "^<<", "^>>", "^%+%+", "^%-%-", "^[%+%-%*/|&]=", "^%.%.", "^::", "^%p",
}

local function string_end(text, place)
  local quote, last = text:sub(place, place), place + 1
  while text:sub(last, last) ~= quote do
    assert(last < #text, "a string does not end")
    last = last + (text:sub(last, last) == "\\" and 2 or 1)
  end
  return last
end

local function token_at(text, place, language)
  for _, pattern in ipairs(COMMENTS[language]) do
    local _, last = text:find(pattern, place)
    if last then return "comment", last end
  end
  if language == "lua" then
    local _, last = text:find("^%[(=*)%[.-%]%1%]", place)
    if last then return "string", last end
  end
  if text:find("^[\"']", place) then return "string", string_end(text, place) end
  local _, last = text:find("^%.?%d[%w_.]*", place)
  if last then return "number", last end
  _, last = text:find("^[%a_][%w_]*", place)
  if last then return "name", last end
  for _, pattern in ipairs(OPERATORS) do
    _, last = text:find(pattern, place)
    if last then return "operator", last end
  end
  error("no token at byte " .. place)
end

local CLOSING = { ["("] = ")", ["["] = "]", ["{"] = "}" }
local CLOSES = { [")"] = true, ["]"] = true, ["}"] = true }

-- The tokens that are not comments; an opening bracket knows its `partner`, each token how deep in braces it is.
local function tokens_of(text, language)
  local tokens, open, depth, place = {}, {}, 0, text:match "^#![^\n]*()" or 1
  while true do
    place = text:find("%S", place)
    if not place then return tokens end
    local kind, last = token_at(text, place, language)
    if kind ~= "comment" then
      local token = { kind = kind, text = text:sub(place, last), first = place, last = last, depth = depth }
      tokens[#tokens + 1] = token
      if kind == "operator" and CLOSING[token.text] then
        open[#open + 1] = #tokens
        if token.text == "{" then depth = depth + 1 end
      elseif kind == "operator" and CLOSES[token.text] then
        tokens[table.remove(open)].partner = #tokens
        if token.text == "}" then depth = depth - 1 end
      end
    end
    place = last + 1
  end
end

local function instead(token, text) return { first = token.first, last = token.last, text = text } end
local function before(token, text) return { first = token.first, last = token.first - 1, text = text } end
local function after(token, text) return { first = token.last + 1, last = token.last, text = text } end

--[[ The ways: each is given the source and adds what it finds ]]

local WAYS = {}

local SWAPPED = {
  lua = { ["<"] = "<=", ["<="] = "<", [">"] = ">=", [">="] = ">", ["=="] = "~=", ["~="] = "==" },
  c = { ["<"] = "<=", ["<="] = "<", [">"] = ">=", [">="] = ">", ["=="] = "!=", ["!="] = "==" },
}
local LOGIC = { ["and"] = "or", ["or"] = "and", ["&&"] = "||", ["||"] = "&&" }

function WAYS.comparison(source, add)
  for _, token in ipairs(source.tokens) do
    local other = token.kind == "operator" and SWAPPED[source.language][token.text]
    if other then add(instead(token, other)) end
  end
end

function WAYS.logic(source, add)
  for _, token in ipairs(source.tokens) do
    if token.kind ~= "string" and LOGIC[token.text] then add(instead(token, LOGIC[token.text])) end
  end
end

local HEADS = { ["if"] = "then", ["elseif"] = "then", ["while"] = "do" }

function WAYS.negation(source, add)
  for place, token in ipairs(source.tokens) do
    if token.kind == "name" and HEADS[token.text] then
      local first = source.tokens[place + 1]
      if source.language == "c" and first.partner then
        add(after(first, "!("), before(source.tokens[first.partner], ")"))
      elseif source.language == "lua" then
        local last = place + 1
        while source.tokens[last].text ~= HEADS[token.text] do last = last + 1 end
        add(before(first, "not ("), after(source.tokens[last - 1], ")"))
      end
    end
  end
end

function WAYS.constant(source, add)
  for _, token in ipairs(source.tokens) do
    local digits, suffix = token.text:match "^(%d+)([uUlL]*)$"
    if not digits then digits, suffix = token.text:match "^(0[xX]%x+)([uUlL]*)$" end
    if token.kind == "number" and digits then
      local value = tonumber(digits)
      add(instead(token, ("%d%s"):format(value + 1, suffix)))
      if value > 0 then add(instead(token, ("%d%s"):format(value - 1, suffix))) end
    end
  end
end

-- Their first two arguments may as well stand the other way round.
local SYMMETRIC = {
  strcmp = true, strncmp = true, strcasecmp = true, strncasecmp = true, memcmp = true, CRYPTO_memcmp = true,
}
local NO_CALL = { ["if"] = true, ["while"] = true, ["for"] = true, switch = true, sizeof = true, ["return"] = true }

local function is_definition(tokens, place)
  while tokens[place - 1] and tokens[place - 1].text:find "^[.:%w_]+$" and tokens[place - 1].text ~= "return" do
    place = place - 1
    if tokens[place].text == "function" then return true end
  end
  return false
end

-- The arguments between two brackets, as the first and the last token of each.
local function arguments_of(tokens, open)
  local list, place, first = {}, open + 1, open + 1
  while place <= tokens[open].partner do
    local token = tokens[place]
    if token.text == "," and token.kind == "operator" or place == tokens[open].partner then
      if place > first then list[#list + 1] = { tokens[first], tokens[place - 1] } end
      first = place + 1
    end
    place = (token.partner or place) + 1
  end
  return list
end

function WAYS.arguments(source, add)
  local tokens = source.tokens
  local function text_of(argument) return source.text:sub(argument[1].first, argument[2].last) end
  for place, token in ipairs(tokens) do
    local name = tokens[place - 1]
    if token.text == "(" and name and name.kind == "name" and not NO_CALL[name.text] and
      not is_definition(tokens, place) and (source.language == "lua" or token.depth > 0) then
      local list = arguments_of(tokens, place)
      for i = 2, #list do
        local one, other = list[i - 1], list[i]
        if text_of(one) ~= text_of(other) and not (i == 2 and SYMMETRIC[name.text]) then
          add({ first = one[1].first, last = one[2].last, text = text_of(other) },
            { first = other[1].first, last = other[2].last, text = text_of(one) })
        end
      end
    end
  end
end

local ENDS_STATEMENT = { lua = "^[%w_%)%]}\"'].*$", c = "^[;{}%)]$" }
local NO_STATEMENT = {
  ["local"] = true, ["function"] = true, ["end"] = true, ["else"] = true, ["elseif"] = true, ["until"] = true,
  case = true, default = true, typedef = true, static = true,
}
local GOES_ON = { ["and"] = true, ["or"] = true, ["not"] = true, ["return"] = true }

-- Lines that are whole statements, or look like it: what does not compile then is not a mutant.
function WAYS.statement(source, add)
  local tokens, first = source.tokens, 1
  for place, token in ipairs(tokens) do
    local following = tokens[place + 1]
    if not following or source.text:sub(token.last, following.first):find "\n" then
      local previous = tokens[first - 1]
      local begins = previous and previous.text:find(ENDS_STATEMENT[source.language]) and not GOES_ON[previous.text]
      local head = tokens[first]
      if begins and head.kind == "name" and not NO_STATEMENT[head.text] and
        (source.language == "lua" or token.text == ";" and token.depth > 0) then
        add({ first = head.first, last = token.last, text = source.language == "c" and ";" or "" })
      end
      first = place + 1
    end
  end
end

WAYS["early return"] = function(source, add)
  local tokens = source.tokens
  for place, token in ipairs(tokens) do
    if source.language == "lua" and token.kind == "name" and token.text == "function" then
      local open = place
      while tokens[open].text ~= "(" do open = open + 1 end
      add(after(tokens[tokens[open].partner], " do return end"))
    elseif source.language == "c" and token.text == "{" and token.depth == 0 and tokens[place - 1].text == ")" then
      add(after(token, " return;"))
      add(after(token, " return 0;"))
    end
  end
end

mutants.KINDS = { "arguments", "comparison", "constant", "early return", "logic", "negation", "statement" }

--- All the ways to break a file, by kind.
---@param text string of the file
---@param language "lua"|"c"
---@return table<string, table[]> found kind to list of lists of edits
function mutants.find(text, language)
  local source, found = { text = text, language = language, tokens = tokens_of(text, language) }, {}
  for _, kind in ipairs(mutants.KINDS) do
    found[kind] = {}
    WAYS[kind](source, function(...) table.insert(found[kind], { ... }) end)
  end
  return found
end

--- The text with edits, which are in the order of their places.
---@param text string
---@param edits table[]
---@return string
function mutants.apply(text, edits)
  for i = #edits, 1, -1 do
    text = text:sub(1, edits[i].first - 1) .. edits[i].text .. text:sub(edits[i].last + 1)
  end
  return text
end

return mutants
