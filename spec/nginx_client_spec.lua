-- The client inside a real nginx with one worker: whatever the API's server does, other requests go on.
local nginx_server = require "support.nginx_server"
local peers = require "support.peer"
local shell = require "support.shell"

local HTTP = [[
  init_by_lua_block {
    local marketplace = require "marketplace"
    client = assert(marketplace.client {
      key_file = "<folder>/key.pem", key_id = "K1", issuer_id = "I1", base_url = "PEER", timeout = 20,
    })
    function say(...)
      local words = { ... }
      for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
      ngx.say(table.concat(words, " "))
    end
  }
  init_worker_by_lua_block {
    local ok, problem = pcall(function() return client:request("GET", "/meet/1?worker") end)
    ngx.log(ngx.WARN, "in init_worker: ", tostring(ok), " ", tostring(problem))
  }
]]

local SERVER = [[
  location = /plain { content_by_lua_block { ngx.say "plain" } }
  location = /call {
    content_by_lua_block {
      local document, message, code = client:request("GET", ngx.unescape_uri(ngx.var.arg_path))
      if document then say("found", document.data) else say(code, message) end
    }
  }
  location = /parallel {
    content_by_lua_block {
      local waits = { "GET", "/meet/3?parallel" }
      local function post() return client:request("POST", waits[2]) end
      local results = client:parallel { waits, waits, post }
      for i = 1, 3 do say(results[i][1] and results[i][1].data, results[i][2]) end
    }
  }
  location = /download {
    content_by_lua_block {
      local bytes = 0
      local function sink(piece) bytes = bytes + #piece end
      local result = assert(client:download("PEER/bytes/3000000", { sink = sink }))
      say(result.bytes, bytes)
    }
  }
]]

describe("the client in nginx #full", function()
  local peer, nginx

  setup(function()
    peer = peers.start()
    nginx = assert(nginx_server.start {
      http = HTTP:gsub("PEER", peer.url), server = SERVER:gsub("PEER", peer.url),
      files = { ["key.pem"] = shell.run "openssl ecparam -name prime256v1 -genkey -noout" .. "\n" },
    })
  end)

  teardown(function()
    peer:stop() -- first, as nginx may not have started: a peer that runs on keeps this process from ending
    nginx:stop()
  end)

  local function ask(path)
    local connection = nginx:connect()
    assert(connection:send(("GET %s HTTP/1.0\r\nHost: nginx\r\n\r\n"):format(path)))
    return connection
  end

  local function answer(connection)
    local text = assert(connection:receive "*a")
    connection:close()
    return (text:gsub("^.-\r\n\r\n", ""))
  end

  it("lets others run while an answer is not there", function()
    -- the peer answers neither of the two before both have asked
    local first = ask "/call?path=/meet/2%3Fothers"
    for _ = 1, 20 do assert.equal("plain\n", answer(ask "/plain")) end
    local second = ask "/call?path=/meet/2%3Fothers"
    assert.matches("^found", answer(first))
    assert.matches("^found", answer(second))
  end)

  it("lets others run while it waits for the next attempt", function()
    local retries = ask "/call?path=/status/503"
    local waits = ask "/call?path=/meet/2%3Fretries"
    assert.equal("plain\n", answer(ask "/plain"))
    assert.matches("^found", answer(ask "/call?path=/meet/2%3Fretries"))
    assert.matches("^found", answer(waits))
    assert.matches("^answer_invalid GET /status/503: 503", answer(retries))
  end)

  it("has several calls under way at once", function()
    local said = answer(ask "/parallel")
    assert.equal(3, select(2, said:gsub("userdata: NULL", "")), said)
  end)

  it("downloads piece by piece", function()
    assert.equal("3000000 3000000\n", answer(ask "/download"))
  end)

  it("refuses if nginx cannot wait, rather than block", function()
    assert.matches("in init_worker: false .*API disabled in the context of init_worker_by_lua", nginx:error_log())
  end)
end)
