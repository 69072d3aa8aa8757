// Whatever others can put into a notification, or into an address, is shown and never obeyed.
"use strict";

const assert = require("node:assert/strict");
const { before, describe, it } = require("node:test");
const fs = require("node:fs");
const path = require("node:path");
const { runLua, signIn, startDashboard, useDashboard } = require("./support.js");

const PAYLOADS_FILE = path.join(__dirname, "payloads.json");
const PAYLOADS = JSON.parse(fs.readFileSync(PAYLOADS_FILE, "utf8"));
const LISTS = ["/", "/live", "/inbox", "/dead", "/apps"];
const ELSEWHERE = [
  "https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "\t//evil.example",
];
const SEARCHES = [["id"], ["app", "type"], ["event", "state", "code", "since", "before", "from", "next"]];

describe("what comes from outside", () => {
  let dashboard, browser, page, complaints;

  const opened = useDashboard((folder) => {
    const inbox = `sqlite:${folder}/inbox.db`;
    runLua("spec/browser/hostile.lua", inbox, PAYLOADS_FILE);
    return startDashboard(folder, "--inbox", inbox);
  });

  before(async () => {
    ({ dashboard, browser } = opened);
    page = await (await browser.newContext()).newPage();
    page.on("console", (said) => complaints.push(said.text()));
    page.on("pageerror", (raised) => complaints.push(String(raised)));
    page.on("dialog", (dialog) => {
      complaints.push(dialog.message());
      return dialog.dismiss();
    });
    await page.route("**/*", (route) => {
      const address = route.request().url();
      if (address.startsWith(dashboard.url)) return route.continue();
      complaints.push("asked for " + address);
      return route.abort();
    });
    complaints = [];
    await signIn(page, dashboard);
  });

  // Goes there; nothing of it may have run, been loaded, or become an element that the page does not make itself.
  async function visit(address) {
    complaints = [];
    await page.goto(address);
    await page.mouse.move(600, 400);
    const strange = await page.evaluate(() => {
      const own = (element) => element.src.startsWith(location.origin);
      return [
        ...[...document.scripts].filter((script) => !own(script)),
        ...document.querySelectorAll("img, iframe, base, style, svg, object, embed, [onfocus], [onload], [onerror]"),
        ...document.querySelectorAll("[onmouseover]"),
        ...[...document.links].filter((link) => link.origin !== location.origin),
        ...[...document.forms].filter((form) => !form.action.startsWith(location.origin + "/")),
      ].map((element) => element.outerHTML);
    });
    assert.deepEqual(strange, []);
    assert.equal(await page.evaluate(() => window.ran), undefined);
    return complaints.filter((said) => !/status of 40\d/.test(said));
  }

  for (const list of LISTS) {
    it(`is text in ${list}`, async () => {
      assert.deepEqual(await visit(dashboard.url + list), []);
    });
  }

  for (const [number, payload] of PAYLOADS.entries()) {
    it(`is text in the notification, its app and its body: ${JSON.stringify(payload)}`, async () => {
      const id = `${number + 1}${payload}`;
      assert.deepEqual(await visit(`${dashboard.url}/notification?id=${encodeURIComponent(id)}`), []);
      assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
      // bidi controls and the like are made visible, the rest is as it came
      if (!/[^\x20-\x7e]/.test(payload)) {
        assert.ok((await page.locator("main").innerText()).replace(/\s+/g, " ").includes(id.replace(/\s+/g, " ")));
      } else {
        assert.doesNotMatch(await page.locator("main").innerText(), /[\u202a-\u202e\u2066-\u2069]/);
      }
    });

    it(`is text when it is asked for: ${JSON.stringify(payload)}`, async () => {
      for (const fields of SEARCHES) {
        const query = new URLSearchParams(fields.map((field) => [field, payload]));
        assert.deepEqual(await visit(`${dashboard.url}/inbox?${query}`), []);
      }
      assert.deepEqual(await visit(`${dashboard.url}/confirm?do=replay&entry=${encodeURIComponent(payload)}`), []);
      assert.deepEqual(await visit(`${dashboard.url}/${encodeURIComponent(payload)}`), []);
    });
  }

  it("is no address that signing in leads to", async () => {
    const other = await (await browser.newContext()).newPage();
    for (const next of ELSEWHERE) {
      await other.goto(`${dashboard.url}/login?next=${encodeURIComponent(next)}`);
      if (await other.getByLabel("Token").count()) {
        await other.getByLabel("Token").fill(dashboard.token);
        await other.getByRole("button", { name: "Sign in" }).click();
        await other.waitForLoadState();
      }
      assert.ok(other.url().startsWith(dashboard.url + "/"), other.url());
      await other.context().clearCookies();
    }
  });
});
