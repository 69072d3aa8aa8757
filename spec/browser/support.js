// What the dashboard's specs share: a dashboard of a filled inbox, and chromium.
"use strict";

const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { after, before } = require("node:test");
const { chromium } = require("playwright-core");

const ROOT = path.join(__dirname, "..", "..");
const LUA = process.env.MARKETPLACE_LUA || "lua5.4";
const TOKEN = "a token of the specs, 32 bytes long";

// What chromium would ask of hosts elsewhere is switched off: nothing but the dashboard is reached.
const CHROMIUM_ARGUMENTS = [
  "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

function withLua(...args) {
  return spawn("tools/with-lua", [LUA, LUA, ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
}

function runLua(...args) {
  const done = spawnSync("tools/with-lua", [LUA, LUA, ...args], { cwd: ROOT, encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${args.join(" ")}: ${done.stderr}`);
  return done.stdout;
}

// What the command prints.
function marketplace(...args) {
  return runLua("bin/marketplace", ...args);
}

function temporaryFolder() {
  return fs.mkdtempSync(path.join(os.tmpdir(), "dashboard-"));
}

// The URL of an inbox in this folder with this many notifications, see fill.lua; those before `first` are there already.
function fill(folder, count, first = 1) {
  const url = `sqlite:${folder}/inbox.db`;
  runLua("spec/browser/fill.lua", url, String(count), String(first));
  return url;
}

// Starts `marketplace dashboard` and resolves to { url, token, stop } once it listens.
function startDashboard(folder, ...args) {
  const tokenFile = path.join(folder, "token");
  fs.writeFileSync(tokenFile, TOKEN + "\n", { mode: 0o600 });
  const child = withLua("bin/marketplace", "dashboard", "--port", "0", "--token-file", tokenFile, ...args);
  let said = "";
  return new Promise((resolve, reject) => {
    const hear = (bytes) => {
      said += bytes;
      const found = said.match(/http:\/\/127\.0\.0\.1:\d+\S*/);
      if (found) resolve({ url: found[0].replace(/\/$/, ""), token: TOKEN, stop: () => stop(child), said: () => said });
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("exit", (status) => reject(new Error(`the dashboard ended with ${status}: ${said}`)));
  });
}

// A dashboard with something in each view, see little_of_everything.lua.
function showEverything(folder) {
  runLua("spec/browser/little_of_everything.lua", folder);
  return startDashboard(folder, "--inbox", `sqlite:${folder}/inbox.db`, "--packages", `${folder}/packages`);
}

// The addresses of all views of such a dashboard, by name.
async function allViews(page, dashboard) {
  const first = async (view, part) => {
    await page.goto(dashboard.url + view);
    return page.locator(`main table a[href*='${part}']`).first().getAttribute("href");
  };
  const version = await first("/packages", "/version");
  return {
    overview: "/", inbox: "/inbox", notification: await first("/dead", "/notification"), dead: "/dead",
    confirm: "/confirm?do=replay&state=dead", live: "/live", apps: "/apps", packages: "/packages", version,
    change: `/change?do=hold&${version.split("?")[1].replace("id=", "version=")}`,
  };
}

function stop(child) {
  return new Promise((resolve) => {
    child.on("exit", resolve);
    child.kill("SIGTERM");
  });
}

function launch() {
  const root = process.getuid() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: [...CHROMIUM_ARGUMENTS, ...root] });
}

// Has a `describe` open a dashboard of a folder of its own, and chromium, before its tests, and close them after these.
// `start` is given the folder, and starts the dashboard. The result has `folder`, `dashboard` and `browser` by then.
function useDashboard(start) {
  const made = {};
  before(async () => {
    made.folder = temporaryFolder();
    made.dashboard = await start(made.folder);
    made.browser = await launch();
  });
  after(async () => {
    await made.browser.close();
    await made.dashboard.stop();
    fs.rmSync(made.folder, { recursive: true });
  });
  return made;
}

// A dashboard of an inbox with this many notifications.
function showNotifications(count) {
  return (folder) => startDashboard(folder, "--inbox", fill(folder, count));
}

async function signIn(page, dashboard) {
  await page.goto(dashboard.url + "/login");
  await page.getByLabel("Token").fill(dashboard.token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(dashboard.url + "/");
}

module.exports = {
  ROOT, TOKEN, allViews, fill, launch, marketplace, runLua, showEverything, showNotifications, signIn, startDashboard,
  temporaryFolder, useDashboard,
};
