// An HTTP peer whose path says how it behaves: HTTP/1.1 on one port, TLS with HTTP/2 and HTTP/1.1 on another.
// peer.mjs CERT KEY; writes "HTTP-PORT TLS-PORT\n", ends with the process that started it.
import http from "node:http";
import http2 from "node:http2";
import fs from "node:fs";

const counts = {};
const connections = { made: 0 };

function echo(request, response, body) {
  response.setHeader("X-Twice", ["one", "two"]);
  response.end(JSON.stringify({
    method: request.method, url: request.url, version: request.httpVersion, body, headers: request.headers,
    connections: connections.made,
  }));
}

function drip(response) {
  const timer = setInterval(() => response.write("x"), 20);
  response.on("close", () => clearInterval(timer));
}

// Answers when so many wait for it: whoever sends them one after another waits for ever.
const waiting = {};
function meet(url, response, count) {
  const here = (waiting[url] ??= []);
  here.push(response);
  if (here.length === count) here.splice(0).forEach((one) => one.end('{"data":null}'));
}

// A file, as a CDN serves it or, with these parameters, as it should not: range=no knows no ranges, etag=X is its ETag,
// deaf knows no If-Range, from=N lies about where a part begins, flip=N has one byte wrong, more=N has more bytes, chunked
// does not tell the length, cut=N breaks off after so many bytes, as=STATUS answers with another status.
function serveFile(request, response, path) {
  const given = new URL(request.url, "http://localhost").searchParams;
  const bytes = Buffer.concat([fs.readFileSync(path), Buffer.alloc(Number(given.get("more") ?? 0))]);
  if (given.has("flip")) bytes[Number(given.get("flip"))] ^= 1;
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  const etag = given.get("etag"), wanted = request.headers["if-range"];
  const isSame = wanted === undefined || wanted === etag || given.has("deaf");
  const isPart = range !== null && isSame && given.get("range") !== "no";
  const body = bytes.subarray(isPart ? Number(range[1]) : 0);
  const from = given.get("from") ?? bytes.length - body.length;
  response.writeHead(Number(given.get("as") ?? (isPart ? 206 : 200)), {
    ...(etag !== null && { ETag: etag }),
    ...(!given.has("chunked") && { "Content-Length": body.length }),
    ...(isPart && from !== "" && { "Content-Range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
  });
  if (!given.has("cut")) return response.end(body);
  return response.write(body.subarray(0, Number(given.get("cut"))), () => request.socket.destroy());
}

function behave(request, response, body) {
  const [, what, value] = request.url.match(/^\/(\w+)\/?([^?]*)/) ?? [];
  const name = request.method + " " + request.url;
  counts[name] = (counts[name] ?? 0) + 1;
  if (what === "echo") return echo(request, response, body);
  if (what === "counts") return response.end(JSON.stringify(counts));
  if (what === "status") return response.writeHead(Number(value)).end("{}");
  if (what === "bytes") {
    const status = Number(request.url.split("?")[1] ?? 200);
    return response.writeHead(status, { "Content-Length": value }).end(Buffer.alloc(Number(value), "b"));
  }
  if (what === "file") return serveFile(request, response, decodeURIComponent(value));
  if (what === "refuse" && request.stream) return request.stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  if (what === "refuse") return response.end("{}");
  if (what === "cuthead") {
    return request.socket.end("HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n");
  }
  if (what === "hang") return undefined;
  if (what === "meet") return meet(request.url, response, parseInt(value));
  if (what === "drip") return drip(response);
  if (what === "cut") return request.socket.destroy();
  if (what === "half") {
    response.writeHead(200, { "Content-Length": 100 }).write("0123456789", () => request.socket.destroy());
    return undefined;
  }
  if (what === "headers") return response.writeHead(200, { "X-Long": "h".repeat(Number(value)) }).end();
  if (what === "redirect") return response.writeHead(302, { Location: decodeURIComponent(value) }).end();
  return response.writeHead(404).end();
}

function handle(request, response) {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => behave(request, response, Buffer.concat(pieces).toString("latin1")));
  request.on("error", () => {});
}

function listen(server, event) {
  server.on(event, () => { connections.made += 1; });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

const [cert, key] = process.argv.slice(2).map((path) => fs.readFileSync(path));
const plain = await listen(http.createServer(handle), "connection");
const tls = await listen(http2.createSecureServer({ cert, key, allowHTTP1: true }, handle), "secureConnection");
console.log(`${plain} ${tls}`);
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(1), 1000);
