--- Scenarios of what devices seal for a licence server.
local core = require "marketplace.core"

local CODES = { "crypto_failed", "key_invalid", "out_of_memory" }

-- Made once, as that takes long.
local made
local function files()
  if made then return made end
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute(("mkdir -m 700 %s && cd %s && openssl req -x509 -newkey rsa:3072 -nodes -keyout key " ..
    "-out certificate -subj /CN=a -days 2 2>/dev/null"):format(folder, folder)))
  local key, certificate = folder .. "/key", folder .. "/certificate"
  made = { key = assert(core.read_file(key)), certificate = assert(core.read_file(certificate)) }
  os.remove(key)
  os.remove(certificate)
  os.remove(folder)
  return made
end

local function key()
  return assert(core.envelope_key(files().key))
end

local function sealed()
  local one = key()
  local wrapped, text = one:seal "a text"
  return { key = one, wrapped = assert(wrapped), text = text }
end

return {
  { covers = { "core.envelope_key", "envelope_key:close" }, codes = CODES, setup = files,
    run = function(file)
      local one, message, code = core.envelope_key(file.key)
      if not one then return one, message, code end
      one:close()
      return true
    end },
  { covers = { "core.envelope_key_file" }, codes = CODES,
    setup = function()
      local path = os.tmpname()
      assert(core.replace_file(path, files().key))
      return path
    end,
    run = function(path)
      local one, message, code = core.envelope_key_file(path)
      if not one then return one, message, code end
      one:close()
      return true
    end,
    teardown = os.remove },
  { covers = { "core.envelope_certificate", "core.check_certificate", "envelope_key:is_same" }, codes = CODES,
    setup = function() return { key = key(), certificate = files().certificate } end,
    run = function(given)
      local checked, message, code = core.check_certificate(given.certificate)
      if not checked then return checked, message, code end
      local public, problem, its_code = core.envelope_certificate(given.certificate)
      if not public then return public, problem, its_code end
      return type(public:is_same(given.key))
    end },
  { covers = { "envelope_key:seal" }, codes = CODES, setup = key,
    run = function(one)
      local wrapped, text, code = one:seal "a text"
      if not wrapped then return wrapped, text, code end
      return #wrapped, #text
    end },
  -- some of OpenSSL's allocations fail without a word, and then the key is taken for wrong
  { covers = { "envelope_key:open" }, codes = CODES, setup = sealed,
    run = function(given)
      local text, problem, code = given.key:open(given.wrapped, given.text)
      if not text then return text, problem, code end
      return problem == nil and text == "a text" or problem == "the key was not encrypted for this server's key"
    end },
}
