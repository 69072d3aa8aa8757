-- HTML from tables: text stays text, whatever it is and wherever it stands.
local forms = require "marketplace.dashboard.forms"
local h = require "marketplace.dashboard.html"

local HOSTILE = "</p><script>alert(1)</script>\" onload='x' &amp;\0\27[31m\226\128\174\255"

describe("marketplace.dashboard.html", function()
  it("writes elements, attributes and lists", function()
    assert.equal('<p class="quiet" id="a">one <b>two</b><i>3</i>4</p>',
      h.render(h.p { id = "a", class = "quiet", "one ", h.b "two", { h.i { 3 }, { 4 } } }))
    assert.equal('<input disabled name="a">', h.render(h.input { name = "a", disabled = true, required = false }))
    assert.equal("<p><b>x</b></p>", h.render(h.p(h.b "x")))
    assert.equal("<!DOCTYPE html>\n<html></html>\n", h.document(h.html {}))
  end)

  it("leaves out what is nil or false, also in the middle", function()
    assert.equal("<p>ac</p>", h.render(h.p { "a", nil, "c", false }))
    assert.equal("", h.render(nil))
  end)

  it("escapes text, and shows what could control something", function()
    local text = h.render(h.p { HOSTILE })
    assert.equal("<p>&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;amp;" ..
      "\\x00\\x1b[31m\\xe2\\x80\\xae\\xff</p>", text)
    assert.equal("<p>\\u202e</p>", h.render(h.p { "\226\128\174" }))
    assert.equal("<pre>\na\n\tb</pre>", h.render(h.pre { "a\n\tb" }))
  end)

  it("escapes attributes, and leaves a field's value as it is", function()
    local text = h.render(h.p { title = HOSTILE })
    assert.is_nil(text:find('[<"]script') or text:find('" onload', 1, true))
    assert.equal('<input value="a&quot;b&lt;\226\128\174">', h.render(h.input { value = 'a"b<\226\128\174' }))
  end)

  it("leaves out addresses that could run something", function()
    for _, address in ipairs {
      "javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "//evil.example/", "/\\evil.example", "\\\\evil",
      "vbscript:x", "http:evil", "https://", "/a\nb", " /a", "java\tscript:x", "",
    } do
      assert.equal("<a>x</a>", h.render(h.a { href = address, "x" }), address)
      assert.equal("<form></form>", h.render(h.form { action = address }), address)
    end
    for _, address in ipairs { "/", "/inbox?id=a%22", "https://a.example/", "http://a.example", "#content", "?a=b" } do
      assert.is_truthy(h.render(h.a { href = address }):find('href="' .. address .. '"', 1, true), address)
    end
  end)

  it("raises for scripts, events, styles, and what is no text", function()
    for pattern, make in pairs {
      ["attribute 'onclick'"] = function() return h.p { onclick = "x" } end,
      ["attribute 'style'"] = function() return h.p { style = "x" } end,
      ["attribute 'srcdoc'"] = function() return h.p { srcdoc = "x" } end,
      ["attribute 'a b'"] = function() return h.p { ["a b"] = "x" } end,
      ["a script has no text"] = function() return h.script { "x" } end,
      ["a function cannot be shown"] = function() return h.p { print } end,
      ["a boolean cannot be shown"] = function() return h.p { true } end,
    } do
      local ok, problem = pcall(function() return h.render(make()) end)
      assert.is_false(ok, pattern)
      assert.is_truthy(tostring(problem):find(pattern, 1, true), problem)
    end
    assert.is_nil(h.iframe or h.style or h.object)
  end)
end)

describe("marketplace.dashboard.forms", function()
  it("reads and writes every byte", function()
    local all = {}
    for byte = 0, 255 do all[#all + 1] = string.char(byte) end
    local value = table.concat(all)
    local query = forms.query { a = value, ["b&="] = "x y", none = "", no = false, yes = true, n = 3 }
    assert.matches("^%?[%w%%%-._~=&]+$", query)
    assert.same({ a = value, ["b&="] = "x y", yes = "1", n = "3" }, forms.read(query:sub(2)))
    assert.equal("", forms.query {})
  end)

  it("reads what browsers and others write", function()
    assert.same({ a = "b c", d = "", e = "f=g", ["%zz"] = "%" }, forms.read "a=b+c&d&e=f=g&&%zz=%&a=other")
    assert.same({}, forms.read(nil))
    local fields = forms.read(("a=b&"):rep(199) .. "c=d&e=f")
    assert.same({ a = "b", c = "d" }, fields)
  end)

  it("knows a form", function()
    assert.is_true(forms.is_form "application/x-www-form-urlencoded")
    assert.is_true(forms.is_form "Application/X-WWW-Form-Urlencoded; charset=UTF-8")
    for _, other in ipairs { "text/plain", "multipart/form-data", "application/json", "" } do
      assert.is_false(forms.is_form(other))
    end
    assert.is_false(forms.is_form(nil))
    assert.is_false(forms.is_form { "application/x-www-form-urlencoded" })
  end)
end)
