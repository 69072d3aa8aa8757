-- core.envelope_key: what devices seal for a licence server. Against the openssl command.
local base64 = require "marketplace.base64"
local core = require "marketplace.core"
local raw = require "support.raw_http"
local shell = require "support.shell"

local NOT_FOR_US = "the key was not encrypted for this server's key"

local function bytes_of(hex)
  return (hex:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

describe("an envelope", function()
  local folder, key

  local function path(name) return folder .. "/" .. name end

  local function openssl(command, ...)
    return shell.run(("cd %s && openssl %s"):format(folder, command:format(...)))
  end

  setup(function()
    folder = shell.run "mktemp -d"
    openssl "req -x509 -newkey rsa:3072 -nodes -keyout key.pem -out certificate.pem -subj /CN=a -days 2 2>&1"
    openssl "x509 -in certificate.pem -outform DER -out certificate.der"
    key = assert(core.envelope_key_file(path "key.pem"))
  end)

  teardown(function()
    key:close()
    shell.run("rm -r " .. folder)
  end)

  it("is opened with the key whose certificate it was sealed for", function()
    for _, name in ipairs { "certificate.pem", "certificate.der" } do
      local public = assert(core.envelope_certificate(raw.read_file(path(name))))
      assert.is_true(public:is_same(key) and key:is_same(public))
      for _, text in ipairs { "", "a text", ("x"):rep(16), ("\0\1\255"):rep(10000) } do
        local wrapped, sealed = public:seal(text)
        assert.same({ 384, 0, text }, { #wrapped, #sealed % 16, key:open(wrapped, sealed) })
      end
      assert.is_false((pcall(public.open, public, "", "")))
      public:close()
      assert.is_false((pcall(public.seal, public, "")))
    end
  end)

  it("is never the same twice", function()
    local wrapped, sealed = key:seal "text"
    local other_wrapped, other_sealed = key:seal "text"
    assert.is_true(wrapped ~= other_wrapped and sealed ~= other_sealed)
  end)

  it("is what the openssl command makes, and the other way round", function()
    local secret = ("0123456789abcdef"):rep(2)
    local oaep = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256"
    local aes = ("enc -aes-128-cbc -K %s -iv %s"):format(core.random_hex(16), core.random_hex(16))
    local aes_key, iv = aes:match "%-K (%x+) %-iv (%x+)"
    assert(core.replace_file(path "secret", bytes_of(aes_key .. iv)))
    assert(core.replace_file(path "text", "a request of a device's"))
    openssl("pkeyutl -encrypt -certin -inkey certificate.pem %s -in secret -out wrapped", oaep)
    openssl("%s -in text -out sealed", aes)
    assert.equal("a request of a device's", (key:open(raw.read_file(path "wrapped"), raw.read_file(path "sealed"))))
    local wrapped, sealed = key:seal("an answer", secret)
    assert(core.replace_file(path "wrapped", wrapped))
    assert(core.replace_file(path "sealed", sealed))
    openssl("pkeyutl -decrypt -inkey key.pem %s -in wrapped -out secret", oaep)
    assert.equal(secret, raw.read_file(path "secret"))
    local hex = secret:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
    assert.equal("an answer", openssl("enc -d -aes-128-cbc -K %s -iv %s -in sealed", hex:sub(1, 32), hex:sub(33)))
  end)

  -- AES-128-CBC without any padding but what the text itself ends with.
  local function sealed_as(hex, secret)
    assert(core.replace_file(path "padded", bytes_of(hex)))
    openssl("enc -aes-128-cbc -nopad -K %s -iv %s -in padded -out sealed", secret:sub(1, 32), secret:sub(33))
    return raw.read_file(path "sealed")
  end

  it("has the padding of PKCS #7, whole blocks of it, or is refused", function()
    local secret, text = core.random_hex(32), ("61"):rep(15)
    local wrapped = key:seal("", bytes_of(secret))
    local function outcome(hex)
      local opened, problem = key:open(wrapped, sealed_as(hex, secret))
      return problem or opened
    end
    for size = 1, 16 do
      local padding = ("%02x"):format(size):rep(size)
      assert.equal(("a"):rep(16 - size), outcome(("61"):rep(16 - size) .. padding))
      assert.equal(("a"):rep(32 - size), outcome(("61"):rep(32 - size) .. padding))
    end
    for _, hex in ipairs {
      text .. "00", text .. "11", text .. "20", text .. "ff", text:sub(1, 26) .. "010302", text:sub(1, 26) .. "020103",
      ("61"):rep(16) .. text .. "00", "0f" .. ("10"):rep(15), ("00"):rep(16), ("11"):rep(16), ("11"):rep(32),
    } do assert.equal("the request's padding is wrong", outcome(hex), hex) end
  end)

  it("has a key of 32 bytes under RSA-OAEP with SHA-256 and no label, or is refused", function()
    local OAEP = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:%s -pkeyopt rsa_mgf1_md:%s"
    local SHA256 = OAEP:format("sha256", "sha256")
    local _, sealed = key:seal("text", ("s"):rep(32))
    local function outcome(bytes, padding)
      assert(core.replace_file(path "secret", bytes))
      openssl("pkeyutl -encrypt -certin -inkey certificate.pem %s -in secret -out wrapped", padding)
      local opened, problem = key:open(raw.read_file(path "wrapped"), sealed)
      return problem or opened
    end
    assert.equal("text", outcome(("s"):rep(32), SHA256))
    for _, size in ipairs { 1, 16, 31, 33, 48, 318 } do assert.equal(NOT_FOR_US, outcome(("s"):rep(size), SHA256)) end
    for _, padding in ipairs {
      OAEP:format("sha1", "sha1"), OAEP:format("sha256", "sha1"), OAEP:format("sha1", "sha256"),
      OAEP:format("sha384", "sha384"), SHA256 .. " -pkeyopt rsa_oaep_label:6c6162656c",
      "-pkeyopt rsa_padding_mode:pkcs1",
    } do assert.equal(NOT_FOR_US, outcome(("s"):rep(32), padding), padding) end
    assert.equal(NOT_FOR_US, outcome("\0\2" .. ("s"):rep(382), "-pkeyopt rsa_padding_mode:none"))
  end)

  it("has a key for this server alone, of 384 bytes", function()
    local wrapped, sealed = key:seal "text"
    local function problem_of(bytes) return select(2, key:open(bytes, sealed)) end
    for place = 1, 384, 17 do
      local byte = string.char((wrapped:byte(place) + 1) % 256)
      assert.equal(NOT_FOR_US, problem_of(wrapped:sub(1, place - 1) .. byte .. wrapped:sub(place + 1)), place)
    end
    for _, bytes in ipairs { ("\0"):rep(384), ("\255"):rep(384), ("\0"):rep(383) .. "\1" } do
      assert.equal(NOT_FOR_US, problem_of(bytes))
    end
    for _, bytes in ipairs { "", "x", wrapped:sub(2), wrapped .. "\0", wrapped .. wrapped } do
      assert.equal("the key is not 384 bytes long", problem_of(bytes))
    end
  end)

  it("that cannot be opened has random bytes in place of its text", function()
    local wrapped, sealed = key:seal(("t"):rep(100))
    local other = wrapped:sub(1, -2) .. string.char((wrapped:byte(-1) + 1) % 256)
    local seen = {}
    for _ = 1, 10 do
      local text, problem = key:open(other, sealed)
      assert.equal(NOT_FOR_US, problem)
      assert.is_true(#text >= 96 and #text < 112 and not seen[text])
      seen[text] = true
    end
    local cut = sealed:sub(1, -17)
    local text, problem = key:open(wrapped, cut)
    assert.same({ "the request's padding is wrong", false }, { problem, text:find("tttt", 1, true) ~= nil })
    assert.same({ "", "the request is not of whole blocks" }, { key:open(wrapped, sealed:sub(2)) })
    assert.same({ "", "the request is too long" }, { key:open(wrapped, ("x"):rep(1048592)) })
  end)

  describe("has a key that is refused, without a word of what it holds, if it", function()
    local function refused(pattern, read, ...)
      local none, message, code = read(...)
      assert.same({ nil, "key_invalid" }, { none, code })
      assert.is_truthy(message:find(pattern, 1, true), message)
    end

    it("is of another kind or size", function()
      openssl "genrsa -out small.pem 2048 2>&1"
      openssl "ecparam -name prime256v1 -genkey -noout -out ec.pem"
      openssl "req -x509 -key ec.pem -out ec-certificate.pem -subj /CN=a -days 2"
      refused("has another size than the 3072 bits", core.envelope_key_file, path "small.pem")
      refused("is not an RSA key", core.envelope_key_file, path "ec.pem")
      refused("is not an RSA key", core.envelope_certificate, raw.read_file(path "ec-certificate.pem"))
      refused("the key is not an elliptic curve key", core.private_key_file, path "key.pem")
      assert.is_true(core.check_certificate(raw.read_file(path "ec-certificate.pem")))
    end)

    it("is none, or locked", function()
      openssl "rsa -in key.pem -aes128 -passout pass:x -out locked.pem 2>&1"
      refused("needed without a passphrase", core.envelope_key_file, path "locked.pem")
      refused("the PEM holds no private key", core.envelope_key_file, path "certificate.pem")
      refused("the key is not PEM", core.envelope_key_file, path "certificate.der")
      refused("the key file cannot be read", core.envelope_key_file, path "missing.pem")
      refused("the key is cut off", core.envelope_key, raw.read_file(path "key.pem"):sub(1, 900))
      refused("lost its first and last line", core.envelope_key,
        raw.read_file(path "key.pem"):gsub("%-%-%-%-%-[%w ]+%-%-%-%-%-\n", ""):sub(1, 1000))
    end)

    it("is no certificate's", function()
      for _, bytes in ipairs { "", "rubbish", raw.read_file(path "key.pem"), ("x"):rep(70000) } do
        refused("it is no X.509 certificate", core.envelope_certificate, bytes)
        refused("it is no X.509 certificate", core.check_certificate, bytes)
      end
    end)
  end)

  it("is made and opened by strings alone", function()
    assert.is_false((pcall(key.open, key, {}, "")))
    assert.is_false((pcall(key.seal, key, "text", "short")))
    assert.is_false((pcall(key.seal, key, ("x"):rep(1048576))))
    assert.is_false((pcall(key.is_same, key, {})))
  end)
end)

describe("base64", function()
  it("has each sequence of bytes in one spelling", function()
    for text, bytes in pairs {
      [""] = "", ["Zg=="] = "f", ["Zm8="] = "fo", ["Zm9v"] = "foo", ["Zm9vYg=="] = "foob", ["+/+/"] = "\251\255\191",
    } do
      assert.equal(text, base64.encode(bytes))
      assert.equal(bytes, base64.decode(text))
    end
    for _, text in ipairs {
      "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z", "====", "=", "-_-_", "Zm9v\n", " Zm9v", "Zm9v====", "Zm\0v",
      "Zg==Zg==",
    } do
      assert.is_nil(base64.decode(text), text)
    end
  end)
end)
