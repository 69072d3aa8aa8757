// node.mjs COUNT BODY-FILE: the same with Node's crypto and JSON.parse.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

const secret = "a secret of usual length, 32 chr";
const count = Number(process.argv[2]);
const body = readFileSync(process.argv[3]);
const header = "hmacsha256=" + createHmac("sha256", secret).update(body).digest("hex");
let handled = 0;

function callback(data) {
  const instance = data.relationships.instance.data;
  if (data.type === "alternativeDistributionPackageVersionCreated" && data.attributes.appId && instance.id) handled += 1;
}

function handle() {
  const tag = createHmac("sha256", secret).update(body).digest();
  if (!timingSafeEqual(tag, Buffer.from(header.slice(11), "hex"))) throw new Error("forged");
  callback(JSON.parse(body).data);
}

for (let i = 0; i < count; i++) handle();
const started = process.hrtime.bigint();
for (let i = 0; i < count; i++) handle();
const took = Number(process.hrtime.bigint() - started);
if (handled !== 2 * count) throw new Error("not all were handled");
console.log(`${(took / count).toFixed(0)} -`);
