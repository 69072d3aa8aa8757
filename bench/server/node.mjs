// node.mjs [PORT]: the yardstick, the same work on Node's http server. Method, path and size are checked, the signature
// is compared in constant time, the body's digest tells a duplicate from another body under the same id, and what was
// answered is kept until its callback has run.
import { createServer } from "node:http";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

const secret = process.env.MARKETPLACE_SECRET;
const maxBody = 1048576;
const seen = new Map();
const waiting = [];
let handled = 0;

function verify(body, header) {
  if (typeof header !== "string" || !/^hmacsha256=[0-9a-f]{64}$/.test(header)) return false;
  const tag = createHmac("sha256", secret).update(body).digest();
  return timingSafeEqual(tag, Buffer.from(header.slice(11), "hex"));
}

function onVersionAvailable(data) {
  if (data.attributes.appId && data.relationships.instance.data.id) handled += 1;
}

function runWaiting() {
  for (const data of waiting.splice(0)) onVersionAvailable(data);
}

function store(body) {
  const { data } = JSON.parse(body);
  const digest = createHash("sha256").update(body).digest("hex");
  if (seen.get(data.id) === digest) return;
  seen.set(data.id, digest);
  if (waiting.push(data) === 1) setImmediate(runWaiting);
}

function answer(response, status) {
  response.writeHead(status, { "content-length": 0 }).end();
}

const server = createServer((request, response) => {
  if (request.url !== "/notifications") return answer(response, 404);
  if (request.method !== "POST") return answer(response, 405);
  const chunks = [];
  let size = 0;
  request.on("data", (chunk) => {
    size += chunk.length;
    if (size <= maxBody) chunks.push(chunk);
  });
  request.on("end", () => {
    if (size > maxBody) return answer(response, 413);
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    if (!verify(body, request.headers["x-apple-signature"])) return answer(response, 401);
    store(body);
    answer(response, 200);
  });
});

server.keepAliveTimeout = 60000;
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => console.log(server.address().port));
process.on("SIGTERM", () => {
  console.error(`handled ${handled}`);
  process.exit(0);
});
