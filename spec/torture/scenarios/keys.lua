--- Scenarios of keys for tokens.
local core = require "marketplace.core"

local CODES = { "crypto_failed", "key_invalid", "out_of_memory" }

local function key()
  return assert(core.generate_key())
end

return {
  { covers = { "core.generate_key", "es256:close" }, codes = CODES,
    run = function()
      local made, message, code = core.generate_key()
      if not made then return made, message, code end
      made:close()
      return true
    end },
  { covers = { "core.private_key" }, codes = CODES,
    setup = function() return assert(key():private_pem()) end,
    run = function(pem)
      local made, message, code = core.private_key(pem)
      if not made then return made, message, code end
      local again, problem, its_code = made:private_pem()
      if not again then return again, problem, its_code end
      return again == pem
    end },
  { covers = { "core.private_key_file" }, codes = { "crypto_failed", "key_invalid", "out_of_memory", "file_failed" },
    setup = function()
      local path = os.tmpname()
      assert(core.replace_file(path, assert(key():private_pem())))
      return path
    end,
    run = function(path)
      local made, message, code = core.private_key_file(path)
      if not made then return made, message, code end
      made:close()
      return true
    end,
    teardown = os.remove },
  { covers = { "core.public_key", "es256:public_pem", "es256:private_pem" }, codes = CODES, setup = key,
    run = function(made)
      local pem, message, code = made:public_pem()
      if not pem then return pem, message, code end
      local public, problem, its_code = core.public_key(pem)
      if not public then return public, problem, its_code end
      public:close()
      local private, last, last_code = made:private_pem()
      if not private then return private, last, last_code end
      return #pem, #private
    end },
  -- two of the allocations of OpenSSL fail without a word, and then the signature is taken for wrong
  { covers = { "es256:sign", "es256:verify" }, codes = { "crypto_failed", "out_of_memory", "signature_mismatch" },
    setup = key,
    run = function(made)
      local signature, message, code = made:sign "a text"
      if not signature then return signature, message, code end
      local verified, problem, its_code = made:verify("a text", signature)
      if not verified then return verified, problem, its_code end
      return #signature, verified
    end },
}
