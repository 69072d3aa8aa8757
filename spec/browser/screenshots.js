// Takes a picture of each view in both schemes, for docs/screenshots: of an inbox with a little of everything.
"use strict";

const path = require("node:path");
const fs = require("node:fs");
const { allViews, launch, ROOT, showEverything, signIn, temporaryFolder } = require("./support.js");

const FOLDER = path.join(ROOT, "docs", "screenshots");
const SIZE = { width: 1280, height: 800 };

async function main() {
  const folder = temporaryFolder();
  const dashboard = await showEverything(folder);
  const browser = await launch();
  fs.mkdirSync(FOLDER, { recursive: true });
  for (const colorScheme of ["light", "dark"]) {
    const page = await (await browser.newContext({ colorScheme, viewport: SIZE })).newPage();
    await page.goto(dashboard.url + "/login");
    await page.screenshot({ path: `${FOLDER}/login-${colorScheme}.png` });
    await signIn(page, dashboard);
    for (const [name, address] of Object.entries(await allViews(page, dashboard))) {
      await page.goto(new URL(address, dashboard.url).href);
      await page.screenshot({ path: `${FOLDER}/${name}-${colorScheme}.png` });
    }
  }
  await browser.close();
  await dashboard.stop();
  fs.rmSync(folder, { recursive: true });
}

main();
