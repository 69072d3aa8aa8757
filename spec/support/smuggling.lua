--- Shapes of requests that two readers could read differently, and sound ones that resemble them.
---
--- Each shape: name; bytes, which hide a canary (another request) wherever a lenient reader would find one; answers:
--- what a client that speaks to the server itself may get, as a list of statuses, "refused" for one answer from 400 to
--- 505, "at_most_refused" if bytes that are no request may also be met with silence, or "any" for one answer at most;
--- bodies: of the requests that reach the receiver, default none; is_lax: with libmicrohttpd 0.9 it cannot be told from
--- a sound one (csrc/server/head.h).
local smuggling = {}

local CANARY = "POST /canary HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\ncanary"
local LONG = ("a"):rep(300)
local SIGNATURE = "X-Apple-Signature: hmacsha256=" .. ("0"):rep(64) .. "\r\n" -- a sound one, and wrong

smuggling.CANARY_PATH = "/canary"

local shapes = {}

local function add(name, bytes, answers, bodies, more)
  local shape = { name = name, bytes = bytes, answers = answers or "refused", bodies = bodies or {} }
  for key, value in pairs(more or {}) do shape[key] = value end
  shapes[#shapes + 1] = shape
end

-- A POST with these header lines, each with its own line end, and what follows the empty line.
local function post(lines, rest)
  return "POST /notifications HTTP/1.1\r\nHost: a\r\n" .. SIGNATURE .. lines .. "\r\n" .. (rest or CANARY)
end

local function chunked(rest, lines) return post("Transfer-Encoding: chunked\r\n" .. (lines or ""), rest) end

-- A request whose length covers the canary: only a reader that ends it too early sees it.
local function covered(lines, before)
  local rest = (before or "") .. CANARY
  return post(("Content-Length: %d\r\n"):format(#rest) .. lines, rest), rest
end

--[[ Both, or several, of length and chunks ]]

add("CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG" .. CANARY))
add("TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5\r\nhello\r\n0\r\n\r\n" .. CANARY))
add("CL.TE with a length of nothing", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"))
add("two lengths", post "Content-Length: 5\r\nContent-Length: 0\r\n")
add("two equal lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello" .. CANARY))
add("two lengths apart", post "Content-Length: 0\r\nX: y\r\ncontent-length: 64\r\n")
add("a list of lengths", post("Content-Length: 5, 5\r\n", "hello" .. CANARY))
add("a list of different lengths", post "Content-Length: 0, 64\r\n")
add("chunks twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" .. CANARY))
add("chunks, and identity", chunked("0\r\n\r\n" .. CANARY, "Transfer-Encoding: identity\r\n"))
add("identity, and chunks", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"))
add("no coding, and a length", post("Transfer-Encoding: \r\nContent-Length: 5\r\n", "hello" .. CANARY))

--[[ Lengths ]]

local LENGTHS = {
  "", "+5", "-1", "-0", "0x5", "5_0", "5.0", "5e0", "five", "5;5", "\"5\"", "5 5", "5\t5", "0 5", "\2385", "5\0",
  "5\0006",   "\v5", "5\f", "18446744073709551616", "18446744073709551621", "99999999999999999999999999",
}
for _, length in ipairs(LENGTHS) do
  add(("the length %q"):format(length), post("Content-Length: " .. length .. "\r\n", "hello" .. CANARY))
end
add("a length of 64 bits", post "Content-Length: 18446744073709551615\r\n")
add("a length of 63 bits", post "Content-Length: 9223372036854775808\r\n")
add("a length with zeros in front", post("Content-Length: 0005\r\n", "hello"), { 401 }, { "hello" })
add("a length in lower case", post("content-length: 5\r\n", "hello"), { 401 }, { "hello" })
add("neither a length nor chunks", post "", { 411 })
add("neither, of HTTP/1.0", "POST /notifications HTTP/1.0\r\n\r\n" .. CANARY, { 411 })

--[[ Codings ]]

for _, coding in ipairs {
  "identity", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked", "chunked;q=1", "xchunked",
  "chunkedx", "\"chunked\"", "chun ked", "x, chunked", "\vchunked", "chunked\f", "\160chunked",
  "\0chunked", "chunked\0",   "identity, chunked", "cow", "chunKed\1",
} do
  local field = "Transfer-Encoding: " .. coding .. "\r\n"
  add(("the coding %q"):format(coding), post(field, "0\r\n\r\n" .. CANARY))
  add(("the coding %q beside a length"):format(coding), (covered(field, "0\r\n\r\n")))
end
for _, field in ipairs { "TRANSFER-ENCODING: CHUNKED", "Transfer-Encoding:\tchunked", "transfer-encoding:chunked" } do
  add(("chunks by %q"):format(field), post(field .. "\r\n", "5\r\nhello\r\n0\r\n\r\n" .. CANARY), { 401 }, { "hello" })
end
add("chunks of HTTP/1.0", (chunked("0\r\n\r\n" .. CANARY):gsub("HTTP/1.1", "HTTP/1.0", 1)))
add("chunks of HTTP/1.0, kept alive", "POST /notifications HTTP/1.0\r\nConnection: keep-alive\r\n" ..
  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" .. CANARY)

--[[ Names and lines ]]

for _, line in ipairs {
  "Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", " Transfer-Encoding: chunked",
  "\tTransfer-Encoding: chunked", "Transfer-Encoding\0: chunked", "Transfer-Encoding\v: chunked",
  "Transfer\rEncoding: chunked", "Transfer-Encoding\r: chunked", "Transfer_Encoding chunked", "Transfer-Encoding",
  "\0Transfer-Encoding: chunked", "Trans\0fer-Encoding: chunked", ":", ": x", ":Transfer-Encoding: chunked",
  "\0", "\0x", "Transfer-Encoding:\r\n chunked", "Transfer-Encoding: chunked\r\n ,identity",
  "X: y\r\n Transfer-Encoding: chunked",
  "X: y\r\n\tz", "X:\r\n ", "X: y\rTransfer-Encoding: chunked", "X: y\nTransfer-Encoding: chunked", "X: y\n\nz: w",
  "X: y\r", "\rX: y", "X: y\r\r", "X: y\0Transfer-Encoding: chunked", "X: \0", "X\0: y", "(X): y", "X@: y", "\233X: y",
  "X: y\127", "X: y\8", "X: \27[31m", "Content-Length : 5", "Content-Length\0: 5", "Content\0Length: 5",
} do
  add(("the line %q"):format(line), (covered(line .. "\r\n", "0\r\n\r\n")))
end
for _, lines in ipairs { "X: y\n:\r\n", "X: y\n\0\r\n", ":\n", "\0\n", "X: y\0\nX: z\r\n" } do
  add(("the lines %q"):format(lines), (covered(lines)), nil, nil, { is_lax = true })
end
add("a colon that ends the head behind chunks", chunked("0\r\n\r\n" .. CANARY, ":\r\n"))
add("a long name", (covered(LONG .. ": x\r\n")))
add("lines that end in line feeds", (covered(""):gsub("\r\n", "\n")))
add("a line feed alone as the empty line", (post("Content-Length: 5\r\n", ""):gsub("\r\n$", "\n")) .. CANARY)
add("lines that end in carriage returns", (covered(""):gsub("\r\n", "\r")), "at_most_refused")
add("a line feed first among carriage returns", (covered(""):gsub("\r\n", "\n\r")))

--[[ Request lines ]]

local function line(bytes) return bytes .. "\r\nHost: a\r\nContent-Length: 0\r\n\r\n" .. CANARY end

for _, bytes in ipairs {
  "POST /notifications\0x HTTP/1.1", "POST /notifications\0 HTTP/1.1", "POST\0 /notifications HTTP/1.1",
  "POST /notifications HTTP/1.1\0", "POST /notifications x HTTP/1.1", "POST  /notifications HTTP/1.1",
  "POST /notifications  HTTP/1.1", "POST /notifications HTTP/1.1 ", "POST\t/notifications HTTP/1.1",
  "POST /notifications\tHTTP/1.1", "POST /notifications\rHTTP/1.1", "POST /notifications\nHTTP/1.1",
  "POST /notifications\v HTTP/1.1", "POST /notifications\127 HTTP/1.1", "POST /notifica\195\169 HTTP/1.1",
  " POST /notifications HTTP/1.1", "POST /notifications HTTP/1.2", "POST /notifications HTTP/1.10",
  "POST /notifications HTTP/01.1", "POST /notifications HTTP/1,1", "POST /notifications http/1.1",
  "POST /notifications HTTP/+1.1", "POST /notifications HTTP/2.0", "POST /notifications HTTP/0.9",
  "POST /notifications", "POST notifications HTTP/1.1", "POST ftp://a/notifications HTTP/1.1", "CONNECT a:80 HTTP/1.1",
  "PO(ST /notifications HTTP/1.1", "P\128ST /notifications HTTP/1.1", "POST", "GET /", "nonsense", "",
} do
  add(("the request line %q"):format(bytes), line(bytes), "at_most_refused")
end
add("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" .. CANARY, "at_most_refused")
add("HTTP/0.9", "GET /notifications\r\n" .. CANARY, "at_most_refused")
add("TLS to a port without", "\22\3\1\0\5\1\0\0\1\3\r\n" .. CANARY, "at_most_refused")
add("an absolute URI", (post("Content-Length: 5\r\n", "hello"):gsub(" /", " http://a/", 1)), { 401 }, { "hello" })
add("the asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", { 404 })
add("an empty line in front", "\r\n" .. post("Content-Length: 5\r\n", "hello"), { 401 }, { "hello" })

--[[ Hosts ]]

for _, host in ipairs {
  "Host: a\r\nHost: a", "Host: a\r\nHost: b", "Host: a, b", "Host: a b", "Host: a/b", "Host: a?b", "Host: a#b",
  "Host: b@a",   "Host: a\\b", "Host: a\0", "X: y",
} do
  add(("the host %q"):format(host), "POST / HTTP/1.1\r\n" .. host .. "\r\nContent-Length: 0\r\n\r\n" .. CANARY)
end

--[[ Chunks ]]

for _, chunk in ipairs {
  "+5\r\nhello", "-5\r\nhello", "0x5\r\nhello", "5_\r\nhello", " 5\r\nhello", "5 5\r\nhello", "5,5\r\nhello",
  "g\r\nhello",   "\r\nhello", ";x\r\nhello", "5\r\nhelloo", "5\r\nhello\0", "10000000000000005\r\nhello",
  "fffffffffffffffff\r\nhello", "5\0\r\nhello", "\2385\r\nhello",
} do
  add(("the chunk %q"):format(chunk), chunked(chunk .. "\r\n0\r\n\r\n" .. CANARY))
end
-- Which of these are taken is libmicrohttpd's choice. What follows must not matter.
for _, chunks in ipairs {
  "5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r\n0\n\n", "5;x\nhello\r\n0\r\n\r\n",
  "5;x=\"\n\r\nhello\r\n0\r\n\r\n",
  "5;\rx\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "5\t;x\r\nhello\r\n0\r\n\r\n",
  "5;x\0\r\nhello\r\n0\r\n\r\n",
  "5\r\nhello\r\n00000000000000000000\r\n\r\n", "5\r\nhello\r\n0;x\r\n\r\n", "5\r\nhello\r\n0\r\nX: y\r\n\r\n",
  "5\r\nhello\r\n0\r\nX: y\r\n:\r\n\r\n", "5\r\nhello\r\n0\r\nX: y\r\n:\r\n", "5\r\nhello\r\n0\r\n:\r\n",
  "5\r\nhello\r\n0\r\n\0\r\n", "5\r\nhello\r\n0\r\nX: y\n:\n", "5\r\nhello\r\n0\r\nContent-Length: 64\r\n\r\n",
  "5\r\nhell\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
  "5\r\nhello\r\n0\r\nX:\r\n y\r\n\r\n",
} do
  add(("the chunks %q"):format(chunks), chunked(chunks .. CANARY), "any", "any")
end
add("an upper-case size", chunked("A\r\n0123456789\r\n0\r\n\r\n" .. CANARY), { 401 }, { "0123456789" })
add("a request in the chunks", chunked(("%x\r\n%s\r\n0\r\n\r\n"):format(#CANARY, CANARY)), { 401 }, { CANARY })

--[[ What must be taken as it says, and what is asked beside ]]

do
  local bytes, body = covered ""
  add("a request in the body", bytes, { 401 }, { body })
  add("two requests with a request in each body", bytes:rep(2), { 401, 401 }, { body, body })
end
add("an expectation", post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello"), { 401 }, { "hello" })
add("an upgrade", post("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n", "hello"), { 401 }, { "hello" })
add("a length named by the connection", post("Connection: content-length\r\nContent-Length: 5\r\n", "hello"), { 401 },
  { "hello" })
add("white space around a value", post("X:  \t y \t \r\nContent-Length: 5\r\n", "hello"), { 401 }, { "hello" })
add("bytes beyond ASCII in a value", post("X: \195\169\r\nContent-Length: 5\r\n", "hello"), { 401 }, { "hello" })
add("an empty value", post("X:\r\nContent-Length: 5\r\n", "hello"), { 401 }, { "hello" })

smuggling.shapes = shapes

return smuggling
