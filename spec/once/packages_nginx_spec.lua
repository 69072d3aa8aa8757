-- examples/packages/nginx.conf in a real nginx, below settings that a machine's own configuration may have.
local blocks = require "support.blocks"
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local shell = require "support.shell"

local EXAMPLE = "examples/packages/nginx.conf"

-- What would be inherited, and is not wanted here.
local INHERITED = [[
  gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;
  autoindex on; charset utf-8; charset_types *; etag off; server_tokens on;
  open_file_cache max=100; open_file_cache_valid 1h;
  types { text/html html ipa; text/plain json; } default_type text/html;
  include <folder>/packages.conf;
]]

local AT = "/1234567890/800000001/b7d0a6c2-7f43-4d0b-8a35-91e6f4c8d217"
local MANIFEST = '{ "appleItemId" : "1234567890",\n  "variants": [] }\n'
local ASSET_BYTES = 300000
local ASSET = AT .. "/variant/3f0c2f6e-1111-4222-8333-444455556666.ipa"

describe("the example that serves packages with nginx", function()
  local nginx, port, asset

  local function public(path) return nginx.folder .. "/public" .. path end

  local function write(path, bytes)
    shell.run(("mkdir -p '%s'"):format(public(path):match "^(.*)/"))
    local file = assert(io.open(public(path), "wb"))
    file:write(bytes)
    file:close()
  end

  setup(function()
    local cert, key = raw.certificate()
    port = shell.free_port()
    local config = raw.read_file(EXAMPLE):gsub("listen 443 ", "listen 127.0.0.1:" .. port .. " ")
      :gsub("/etc/nginx/packages/", "<folder>/"):gsub("/srv/packages/", "<folder>/")
    nginx = assert(nginx_server.start {
      http = INHERITED, files = { ["cert.pem"] = cert, ["key.pem"] = key, ["packages.conf"] = config },
    })
    asset = {}
    for i = 1, ASSET_BYTES / 10 do asset[i] = ("%09d\n"):format(i) end
    asset = table.concat(asset)
    write(AT .. "/manifest.json", MANIFEST)
    write(AT .. "/signature", "\0\1signature")
    write(ASSET, asset)
    write(AT .. "/delta/91aa.ipa", "a delta")
  end)

  teardown(function()
    nginx:stop()
    raw.remove_files()
  end)

  -- What the server answers, as the bytes go over the wire.
  local function get(path, options)
    local bytes = shell.file ""
    finally(function() os.remove(bytes) end)
    local head = shell.run(("curl -sk --path-as-is --max-time 20 -D - -o %s -H 'Accept-Encoding: gzip, br' %s " ..
      "'https://localhost:%d%s'"):format(bytes, options or "", port, path))
    local response = { status = tonumber(head:match "^HTTP/%S+ (%d+)"), headers = {}, body = raw.read_file(bytes) }
    for name, value in head:gmatch "\n([%w-]+): ([^\r\n]*)" do response.headers[name:lower()] = value end
    return response
  end

  local function is_served(path, bytes, kind, caching)
    local response = get(path)
    assert.same({ 200, bytes }, { response.status, response.body })
    assert.same({ kind, caching }, { response.headers["content-type"], response.headers["cache-control"] })
    assert.is_nil(response.headers["content-encoding"])
    assert.equal(tostring(#bytes), response.headers["content-length"])
    assert.equal("bytes", response.headers["accept-ranges"])
    assert.matches('^"%x+%-%x+"$', response.headers.etag)
    assert.equal("nginx", response.headers.server)
  end

  local SHORT, FOR_EVER = "public, max-age=60, no-transform", "public, max-age=31536000, immutable, no-transform"

  it("serves the manifest and the signature as they are, and has them kept for a minute", function()
    is_served(AT .. "/manifest.json", MANIFEST, "application/json", SHORT)
    is_served(AT .. "/signature", "\0\1signature", "application/octet-stream", SHORT)
  end)

  it("serves assets as they are, and has them kept for ever", function()
    is_served(ASSET, asset, "application/octet-stream", FOR_EVER)
    is_served(AT .. "/delta/91aa.ipa", "a delta", "application/octet-stream", FOR_EVER)
  end)

  it("goes on where a download broke off, if the file is still the same", function()
    local etag = get(ASSET).headers.etag
    local rest = get(ASSET, ("-r 200000- -H 'If-Range: %s'"):format(etag))
    assert.same({ 206, asset:sub(200001), "bytes 200000-299999/300000", FOR_EVER },
      { rest.status, rest.body, rest.headers["content-range"], rest.headers["cache-control"] })
    local all = get(ASSET, [[-r 200000- -H 'If-Range: "1-2"']])
    assert.same({ 200, true }, { all.status, all.body == asset })
    assert.equal("bytes 10-19/300000", get(ASSET, "-r 10-19").headers["content-range"])
    assert.equal(416, get(ASSET, "-r 300000-").status)
  end)

  it("says that nothing has changed, and answers HEAD", function()
    local head = get(ASSET, "-I")
    assert.same({ 200, "300000" }, { head.status, head.headers["content-length"] })
    local same = get(ASSET, ("-H 'If-None-Match: %s'"):format(head.headers.etag))
    assert.same({ 304, "", FOR_EVER }, { same.status, same.body, same.headers["cache-control"] })
  end)

  it("serves nothing else: no listing, no dot files, nothing beside the folder", function()
    for _, path in ipairs {
      AT .. "/.DS_Store", AT .. "/variant/.hidden.ipa", AT .. "/notes.txt", AT .. "/variant/3f0c.ipa.part",
      AT .. "/variant/deep/3f0c.ipa", "/.git/config", "/1234567890/800000001/.staged/manifest.json",
      "/a/b/c/manifest.json", "/manifest.json",
    } do
      write(path, "not for the world")
    end
    shell.run(("mkdir -p %s/state && echo secret > %s/state/keys.db"):format(nginx.folder, nginx.folder))
    for _, path in ipairs {
      "/", "/1234567890", "/1234567890/", AT, AT .. "/", AT .. "/variant", AT .. "/variant/", AT .. "/.DS_Store",
      AT .. "/variant/.hidden.ipa", AT .. "/notes.txt", AT .. "/variant/3f0c.ipa.part", AT .. "/variant/deep/3f0c.ipa",
      "/.git/config", "/1234567890/800000001/.staged/manifest.json", "/a/b/c/manifest.json", "/manifest.json",
      AT .. "/manifest.json/", AT .. "/manifest.json%00", "/state/keys.db", "/1234567890/../../state/keys.db",
      "/%2e%2e/state/keys.db", AT .. "/variant/..%2f..%2f..%2f..%2f..%2fstate/keys.db",
    } do
      local response = get(path)
      assert.is_true(response.status == 404 or response.status == 400, path .. ": " .. response.status)
      assert.is_nil(response.body:find("not for the world", 1, true), path)
      assert.is_nil(response.body:find("secret", 1, true), path)
      if response.status == 404 then assert.equal("no-store", response.headers["cache-control"], path) end
    end
  end)

  it("follows no links out of the folder", function()
    shell.run(("mkdir -p %s/elsewhere/variant && echo secret > %s/elsewhere/manifest.json"):format(nginx.folder,
      nginx.folder))
    shell.run(("ln -s %s/elsewhere %s"):format(nginx.folder, public "/1234567890/800000001/linked"))
    shell.run(("ln -s %s/elsewhere/manifest.json %s"):format(nginx.folder, public(AT .. "/variant/linked.ipa")))
    for status, path in pairs {
      [404] = "/1234567890/800000001/linked/manifest.json", [403] = AT .. "/variant/linked.ipa",
    } do
      local response = get(path)
      assert.same({ status, "no-store" }, { response.status, response.headers["cache-control"] })
    end
  end)

  it("changes nothing for whoever posts or puts", function()
    for _, method in ipairs { "POST", "PUT", "DELETE" } do
      assert.equal(405, get(AT .. "/manifest.json", "-d x -X " .. method).status)
    end
    assert.equal(MANIFEST, get(AT .. "/manifest.json").body)
  end)

  it("knows at once that a package is withdrawn, and that it is back", function()
    assert.equal(200, get(AT .. "/manifest.json").status)
    local etag = get(ASSET).headers.etag
    shell.run(("mv %s %s/withdrawn"):format(public(AT), nginx.folder))
    for _, path in ipairs { AT .. "/manifest.json", ASSET } do
      local response = get(path)
      assert.same({ 404, "no-store" }, { response.status, response.headers["cache-control"] })
    end
    shell.run(("mv %s/withdrawn %s"):format(nginx.folder, public(AT)))
    assert.equal(etag, get(ASSET).headers.etag)
    assert.equal(200, get(AT .. "/manifest.json").status)
  end)

  it("is what the guide quotes", function()
    local example, quoted = raw.read_file(EXAMPLE), 0
    for line in blocks(raw.read_file "docs/packages.md", "nginx")[1]:gmatch "[^\n]+" do
      assert.is_truthy(example:find(line:match "^[^;{]+[;{]", 1, true), line)
      quoted = quoted + 1
    end
    assert.is_true(quoted > 3)
  end)
end)
