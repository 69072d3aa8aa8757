// The usual way on Node: its own HMAC and comparison in constant time, JSON.parse and a Map.
import { createServer } from "node:http";
import { createHmac, timingSafeEqual } from "node:crypto";

const secret = process.env.MARKETPLACE_SECRET;
const seen = new Map();

function verify(body, header) {
  if (typeof header !== "string" || !/^hmacsha256=[0-9a-f]{64}$/.test(header)) return false;
  return timingSafeEqual(createHmac("sha256", secret).update(body).digest(), Buffer.from(header.slice(11), "hex"));
}

function answer(response, status) {
  response.writeHead(status, { "content-length": 0 }).end();
}

const server = createServer((request, response) => {
  if (request.method !== "POST") return answer(response, 405);
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    if (!verify(body, request.headers["x-apple-signature"])) return answer(response, 401);
    const { data } = JSON.parse(body);
    if (!seen.has(data.id)) seen.set(data.id, true);
    answer(response, 200);
  });
});

server.keepAliveTimeout = 60000;
server.listen(Number(process.argv[2]), "127.0.0.1");
