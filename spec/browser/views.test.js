// Each view with nothing, a little and a lot: it comes, whole, without a complaint of the browser's or of axe's, and fits.
"use strict";

const assert = require("node:assert/strict");
const { before, describe, it } = require("node:test");
const fs = require("node:fs");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const { allViews, showEverything, showNotifications, signIn, useDashboard } = require("./support.js");

const VIEWS = { "/": "Overview", "/live": "Live", "/inbox": "Inbox", "/dead": "Dead letters", "/apps": "Apps" };
const SCHEMES = ["light", "dark"];
const NARROWEST = 320;

// What axe finds, a line each. Scripts of others are kept out by the page's policy: axe is run beside the page's own.
async function inaccessible(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  assert.ok(found.passes.length > 10, "axe looked at nothing");
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`);
}

// A page that keeps what the browser complains of.
async function openPage(browser, dashboard, colorScheme) {
  const page = await (await browser.newContext({ colorScheme })).newPage();
  await signIn(page, dashboard);
  page.complaints = [];
  page.on("console", (said) => page.complaints.push(said.text()));
  page.on("pageerror", (raised) => page.complaints.push(String(raised)));
  return page;
}

// Goes there, wide and narrow.
async function visit(page, address) {
  page.complaints = [];
  await page.setViewportSize({ width: 1280, height: 900 });
  const answer = await page.goto(address);
  assert.equal(answer.status(), 200);
  assert.deepEqual(page.complaints, []);
  assert.deepEqual(await inaccessible(page), []);
  await page.setViewportSize({ width: NARROWEST, height: 700 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= NARROWEST, "it is too wide");
}

for (const count of [0, 3, 100000]) {
  describe(`with ${count} notifications`, () => {
    let dashboard, browser;

    const opened = useDashboard(showNotifications(count));

    before(async () => {
      ({ dashboard, browser } = opened);
    });

    for (const colorScheme of SCHEMES) {
      describe(`in the ${colorScheme} scheme`, () => {
        let page;

        before(async () => {
          page = await openPage(browser, dashboard, colorScheme);
        });

        for (const [path, title] of Object.entries(VIEWS)) {
          it(`shows ${title}`, async () => {
            await visit(page, dashboard.url + path);
            assert.equal(await page.locator("h1").textContent(), title);
          });
        }
      });
    }
  });
}

describe("with a little of everything", () => {
  let dashboard, browser;

  const opened = useDashboard(showEverything);

  before(async () => {
    ({ dashboard, browser } = opened);
  });

  for (const colorScheme of SCHEMES) {
    it(`shows each view in the ${colorScheme} scheme`, async () => {
      const page = await openPage(browser, dashboard, colorScheme);
      for (const address of Object.values(await allViews(page, dashboard))) {
        await visit(page, new URL(address, dashboard.url).href);
      }
    });
  }

  it("holds a package version once it was asked, and releases it", async () => {
    const page = await openPage(browser, dashboard, "light");
    const { version } = await allViews(page, dashboard);
    await page.goto(dashboard.url + version);
    await page.getByRole("link", { name: "Hold…" }).click();
    await page.locator("main form button").click();
    await page.goto(dashboard.url + version);
    await page.getByRole("link", { name: "Release…" }).click();
    await page.locator("main form button").click();
    await page.goto(dashboard.url + version);
    assert.equal(await page.getByRole("link", { name: "Hold…" }).count(), 1);
  });
});
