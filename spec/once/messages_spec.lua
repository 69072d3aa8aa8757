-- What every command says if something is wrong: each message is said on purpose, and kept in a file to be read.
local argparse = require "argparse"
local cli = require "marketplace.cli"
local each_command = require "support.each_command"
local examples = require "marketplace.cli.support.examples"
local literals = require "support.messages.literals"
local messages = require "support.messages"
local raw = require "support.raw_http"

local function blocks_of(text)
  local list = {}
  for block in (text .. "\n"):gmatch "(.-)\n\n" do list[#list + 1] = block end
  return list
end

local function in_one_line(text) return (text:gsub("%s+", " ")) end

describe("what the command says if something is wrong", function()
  local said = messages.produce()

  it("is what " .. messages.PATH .. " has: if it is meant, `make messages` writes that anew", function()
    local kept, now = blocks_of(raw.read_file(messages.PATH)), blocks_of(said)
    for place, block in ipairs(now) do assert.equal(kept[place], block) end
    assert.equal(#kept, #now)
  end)

  it("shows no traceback, no name of a module or a function, and does not raise", function()
    assert.is_nil(said:match "[^\n]*stack traceback[^\n]*")
    assert.is_nil(said:match "\n%[raised [^\n]*")
    assert.is_nil(said:match "[^\n]*%.lua:%d+: [^\n]*marketplace%.cli[^\n]*")
  end)

  it("is all that is there: each text in the source is said here, or is in --help, or is known to need more", function()
    local help = {}
    each_command(cli.parser(argparse), "marketplace", function(command) help[#help + 1] = command:get_help() end)
    local all = in_one_line(said .. table.concat(help, "\n"))
    assert.same({}, literals.missing(all))
  end)
end)

describe("an example in --help", function()
  -- The words of a shell's command line, of which some are in single quotes, up to where its output goes.
  local function words(line)
    local list, at = {}, 1
    while at do
      at = line:find("%S", at)
      if not at or line:sub(at, at) == ">" then return list end
      local word, after = line:match("^'([^']*)'()", at)
      if not word then word, after = line:match("^(%S+)()", at) end
      list[#list + 1], at = word, after
    end
  end

  it("is there for every command, and can be typed", function()
    local count = 0
    each_command(cli.parser(argparse), "marketplace", function(command, name)
      local list = examples.of(name:gsub("^marketplace ", ""))
      assert.is_true(#list > 0 or #command._commands > 0, name .. " has no example")
      for _, example in ipairs(list) do
        local arguments = words(example[2])
        assert.equal("marketplace", table.remove(arguments, 1))
        assert.equal(name .. " ", (example[2] .. " "):sub(1, #name + 1))
        if name ~= "marketplace completion" then -- which is run as it is parsed
          local ok, problem = cli.parser(argparse):pparse(arguments)
          assert.is_true(ok, example[2] .. ": " .. tostring(problem))
        end
        assert.matches("\n   " .. example[1] .. ":\n", command:get_help(), 1, true)
        count = count + 1
      end
    end)
    assert.is_true(count > 70)
  end)
end)
