"""python.py COUNT BODY-FILE: the same with Python's hmac and json."""
import hmac
import json
import sys
import time

secret = b"a secret of usual length, 32 chr"
count = int(sys.argv[1])
with open(sys.argv[2], "rb") as file:
    body = file.read()
header = "hmacsha256=" + hmac.digest(secret, body, "sha256").hex()
handled = 0


def callback(data):
    global handled
    instance = data["relationships"]["instance"]["data"]
    if data["type"] == "alternativeDistributionPackageVersionCreated" and data["attributes"]["appId"] and instance["id"]:
        handled += 1


def handle():
    if not hmac.compare_digest("hmacsha256=" + hmac.digest(secret, body, "sha256").hex(), header):
        raise ValueError("forged")
    callback(json.loads(body)["data"])


for _ in range(count):
    handle()
started = time.perf_counter()
for _ in range(count):
    handle()
took = time.perf_counter() - started
if handled != 2 * count:
    raise RuntimeError("not all were handled")
print(f"{took / count * 1e9:.0f} -")
