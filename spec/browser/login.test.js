// Who may look: signing in, out, and what happens without.
"use strict";

const assert = require("node:assert/strict");
const { before, describe, it } = require("node:test");
const { showNotifications, TOKEN, useDashboard } = require("./support.js");

describe("signing in", () => {
  let dashboard, browser, page;

  const opened = useDashboard(showNotifications(3));

  before(async () => {
    ({ dashboard, browser } = opened);
    page = await (await browser.newContext()).newPage();
  });

  it("comes first, whatever is asked for", async () => {
    await page.goto(dashboard.url + "/live");
    assert.match(page.url(), /\/login\?next=/);
  });

  it("is refused with another token", async () => {
    await page.getByLabel("Token").fill("not the token that it is");
    await page.getByRole("button", { name: "Sign in" }).click();
    assert.equal(await page.getByRole("alert").textContent(), "This is not the token.");
  });

  it("leads to what was asked for, and has no token in an address", async () => {
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(dashboard.url + "/live");
    assert.ok(!page.url().includes(encodeURIComponent(TOKEN)));
  });

  it("lasts until one signs out", async () => {
    await page.goto(dashboard.url + "/");
    assert.match(await page.title(), /^Overview/);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.goto(dashboard.url + "/");
    assert.match(page.url(), /\/login/);
  });
});
