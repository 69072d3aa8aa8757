-- dockerfile.lua DOCKERFILE [NAME=VALUE ...]: writes the steps of a Dockerfile as a shell script, one call a step, such
-- as `run 'make install'` or `copy 'build' '/install/' '/'`. What comes after the file's name sets its ARGs. It knows
-- what deploy/Dockerfile is made of, and refuses everything else: a step taken for another would prove nothing.
local values, path = {}, arg[1]

local function fail(step, problem)
  io.stderr:write(("%s: %s: %s\n"):format(path, step, problem))
  os.exit(1)
end

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function say(...)
  local words = { ... }
  for i = 2, #words do words[i] = quoted(words[i]) end
  print(table.concat(words, " "))
end

local function words_of(text)
  local words = {}
  for word in text:gmatch "%S+" do words[#words + 1] = word end
  return words
end

-- ["a", "b"], each a word without white space, quotes or escapes.
local function list_of(text, step)
  local inner = text:match "^%[(.*)%]$"
  if not inner then fail(step, "only the form of a list is known") end
  local words, rest = {}, inner:gsub("^%s+", "")
  while rest ~= "" do
    local word, after = rest:match '^"([^"\\%s]*)"%s*(.*)$'
    if not word then fail(step, "not a list of plain words") end
    words[#words + 1] = word
    rest = after:gsub("^,%s*", "")
  end
  return words
end

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local STEPS = {}

function STEPS.ARG(text)
  local name, default = text:match "^([%w_]+)=(%S*)$"
  values[name or fail(text, "an ARG has a default here")] = values[name] or default
end

function STEPS.FROM(text)
  text = text:gsub("%${([%w_]+)}", function(name) return values[name] or fail(text, name .. " is not known") end)
  local image, stage = text:match "^(%S+) AS (%S+)$"
  say("from", image or text:match "^%S+$" or fail(text, "an image"), stage or "")
end

function STEPS.RUN(text) say("run", text) end

function STEPS.COPY(text)
  local words = words_of(text)
  local stage = (words[1] or ""):match "^%-%-from=(%S+)$"
  if stage then table.remove(words, 1) end
  if #words ~= 2 or words[1]:find "^%-" then fail(text, "one source and one target") end
  say("copy", stage or "", words[1], words[2])
end

function STEPS.ENV(text)
  for _, word in ipairs(words_of(text)) do
    say("env", word:match "^[%w_]+=[^\"'$\\]*$" or fail(text, "plain values"))
  end
end

for name, call in pairs { WORKDIR = "workdir", USER = "user", VOLUME = "volume" } do
  STEPS[name] = function(text) say(call, text:match "^[%w:/_.-]+$" or fail(text, "one plain word")) end
end

for name, call in pairs { ENTRYPOINT = "entrypoint", CMD = "command" } do
  STEPS[name] = function(text) say(call, unpack(list_of(text, name))) end
end

function STEPS.HEALTHCHECK(text)
  local command = text:match "^[%w=%s-]-CMD (.*)$" or fail(text, "a CMD")
  say("healthcheck", unpack(list_of(command, "HEALTHCHECK")))
end

function STEPS.EXPOSE() end -- says what a reader is to know

for i = 2, #arg do
  local name, value = arg[i]:match "^([%w_]+)=(.*)$"
  values[name or fail(arg[i], "not NAME=VALUE")] = value
end
local step = ""
for line in io.lines(path) do
  if not line:find "^%s*#" and line:find "%S" then
    step = step .. line:gsub("%s*\\$", ""):gsub("^%s+", step == "" and "" or " ")
    if not line:find "\\$" then
      local name, text = step:match "^(%u+)%s+(.*)$"
      if not STEPS[name] then fail(step, "a step that is not known") end
      STEPS[name](text)
      step = ""
    end
  end
end
