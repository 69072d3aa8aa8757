// Each view with nothing, a little and a lot: it comes, whole, without a complaint of the browser's or of axe's, and fits.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, it } = require("node:test");
const fs = require("node:fs");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const { fill, launch, signIn, startDashboard, temporaryFolder } = require("./support.js");

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

for (const count of [0, 3, 100000]) {
  describe(`with ${count} notifications`, () => {
    let folder, dashboard, browser;

    before(async () => {
      folder = temporaryFolder();
      dashboard = await startDashboard(folder, "--inbox", fill(folder, count));
      browser = await launch();
    });

    after(async () => {
      await browser.close();
      await dashboard.stop();
      fs.rmSync(folder, { recursive: true });
    });

    for (const colorScheme of SCHEMES) {
      describe(`in the ${colorScheme} scheme`, () => {
        let page, complaints;

        before(async () => {
          const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } });
          page = await context.newPage();
          await signIn(page, dashboard);
          page.on("console", (said) => complaints.push(said.text()));
          page.on("pageerror", (raised) => complaints.push(String(raised)));
        });

        for (const [path, title] of Object.entries(VIEWS)) {
          it(`shows ${title}`, async () => {
            complaints = [];
            await page.setViewportSize({ width: 1280, height: 900 });
            const answer = await page.goto(dashboard.url + path);
            assert.equal(answer.status(), 200);
            assert.equal(await page.locator("h1").textContent(), title);
            assert.deepEqual(complaints, []);
            assert.deepEqual(await inaccessible(page), []);
            await page.setViewportSize({ width: NARROWEST, height: 700 });
            assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= NARROWEST, "it is too wide");
          });
        }
      });
    }
  });
}
