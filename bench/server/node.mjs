// The yardstick: what a competent Node.js receiver does with a notification.
import { createServer } from "node:http";
import { createHmac, timingSafeEqual } from "node:crypto";

const secret = process.env.MARKETPLACE_SECRET;
const seen = new Set();
let handled = 0;

function verify(body, header) {
  if (typeof header !== "string" || !/^hmacsha256=[0-9a-f]{64}$/.test(header)) return false;
  const tag = createHmac("sha256", secret).update(body).digest();
  return timingSafeEqual(tag, Buffer.from(header.slice(11), "hex"));
}

function onVersionAvailable(data) {
  if (data.attributes.appId && data.relationships.instance.data.id) handled += 1;
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    if (!verify(body, request.headers["x-apple-signature"])) {
      response.writeHead(401).end();
      return;
    }
    const { data } = JSON.parse(body);
    response.writeHead(200, { "content-length": 0 }).end();
    if (seen.has(data.id)) return;
    seen.add(data.id);
    setImmediate(onVersionAvailable, data);
  });
});

server.keepAliveTimeout = 60000;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.on("SIGTERM", () => {
  console.error(`handled ${handled}`);
  process.exit(0);
});
