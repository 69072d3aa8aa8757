// What an operator does with notifications, with scripts and without, and who cannot have it done.
"use strict";

const assert = require("node:assert/strict");
const { before, describe, it } = require("node:test");
const { fill, marketplace, showNotifications, signIn, useDashboard } = require("./support.js");

const DONE = "00000000-0000-4000-8000-000000000001";
const DEAD = "00000000-0000-4000-8000-000000000002";
const WAITS = "00000000-0000-4000-8000-000000000003";

for (const javaScriptEnabled of [true, false]) {
  describe(`an operator ${javaScriptEnabled ? "with" : "without"} scripts`, () => {
    let folder, inbox, dashboard, browser, context, page;

    const opened = useDashboard(showNotifications(3));

    before(async () => {
      ({ folder, dashboard, browser } = opened);
      inbox = `sqlite:${folder}/inbox.db`;
      context = await browser.newContext({ javaScriptEnabled });
      page = await context.newPage();
      await signIn(page, dashboard);
    });

    const stateOf = (id) => JSON.parse(marketplace("inbox", "show", id, "--json", "--inbox", inbox)).state;

    async function act(id, link, button) {
      await page.goto(`${dashboard.url}/notification?id=${id}`);
      await page.getByRole("link", { name: link }).click();
      const before = stateOf(id);
      await page.getByRole("button", { name: button }).click();
      await page.waitForLoadState();
      return before;
    }

    it("finds a notification by its id and by its app", async () => {
      await page.goto(dashboard.url + "/inbox");
      await page.getByLabel("Id", { exact: true }).fill(DEAD);
      await page.getByRole("button", { name: "Search" }).click();
      await page.getByRole("link", { name: DEAD }).click();
      assert.match(await page.locator("main").innerText(), /the catalogue does not answer/);
      await page.goto(dashboard.url + "/inbox?app=6740000003");
      assert.equal(await page.getByRole("link", { name: WAITS }).count(), 1);
      assert.equal(await page.getByRole("link", { name: DEAD }).count(), 0);
    });

    it("runs one that waits, after being asked", async () => {
      assert.equal(await act(WAITS, "Run now", "Run 1 notification now"), "ready");
      assert.match(await page.getByRole("status").first().textContent(), /1 notification is due now/);
    });

    it("can do nothing instead", async () => {
      await page.goto(`${dashboard.url}/notification?id=${WAITS}`);
      await page.getByRole("link", { name: "Cancel" }).click();
      await page.getByRole("link", { name: "Do nothing" }).click();
      assert.equal(stateOf(WAITS), "ready");
    });

    it("cancels one, with the reason kept", async () => {
      await page.goto(`${dashboard.url}/notification?id=${WAITS}`);
      await page.getByRole("link", { name: "Cancel" }).click();
      await page.getByLabel("Why").fill("the app <b>is no longer ours</b>");
      await page.getByRole("button", { name: "Cancel 1 notification" }).click();
      assert.equal(stateOf(WAITS), "dead");
      await page.goto(`${dashboard.url}/notification?id=${WAITS}`);
      assert.match(await page.locator("main").innerText(), /the app <b>is no longer ours<\/b>/);
    });

    it("replays one that is done", async () => {
      assert.equal(await act(DONE, "Replay", "Replay 1 notification"), "done");
      assert.equal(stateOf(DONE), "ready");
    });

    it("replays all dead letters, is told before how many they are, and sees none after it", async () => {
      await page.goto(dashboard.url + "/dead");
      await page.locator("main").getByRole("link", { name: /^Replay…$/ }).click();
      assert.match(await page.locator("h1").textContent(), /Replay 2 notifications\?/);
      await page.getByRole("button", { name: "Replay 2 notifications" }).click();
      assert.match(await page.getByRole("status").first().textContent(), /2 notifications are ready again/);
      assert.equal(stateOf(DEAD), "ready");
    });

    it("reaches everything with the keyboard, the content first", async () => {
      await page.goto(dashboard.url + "/inbox");
      await page.keyboard.press("Tab");
      assert.equal(await page.locator(":focus").textContent(), "Skip to the content");
      await page.keyboard.press("Enter");
      await page.keyboard.press("Tab");
      assert.equal(await page.locator("main :focus").count(), 1);
    });
  });
}

describe("somebody else", () => {
  let folder, inbox, dashboard, browser, context, page;

  const opened = useDashboard(showNotifications(3));

  before(async () => {
    ({ folder, dashboard, browser } = opened);
    inbox = `sqlite:${folder}/inbox.db`;
    context = await browser.newContext();
    page = await context.newPage();
    await signIn(page, dashboard);
  });

  const isDead = () => JSON.parse(marketplace("inbox", "show", DEAD, "--json", "--inbox", inbox)).state === "dead";

  // A page of another site, from which the operator's browser sends what it is made to send.
  async function fromElsewhere(make, ...given) {
    const elsewhere = await context.newPage();
    await elsewhere.route("https://evil.example/", (route) => {
      return route.fulfill({ contentType: "text/html", body: "<title>elsewhere</title>" });
    });
    await elsewhere.goto("https://evil.example/");
    await elsewhere.evaluate(make, given);
    await elsewhere.waitForTimeout(500);
    await elsewhere.close();
  }

  it("cannot have a form sent from another site", async () => {
    await fromElsewhere(([url, id]) => {
      const form = document.createElement("form");
      form.method = "post";
      form.action = `${url}/confirm?do=replay&entry=${id}`;
      document.body.append(form);
      form.submit();
    }, dashboard.url, DEAD);
    assert.ok(isDead());
  });

  it("cannot have it fetched from another site", async () => {
    await fromElsewhere(([url, id]) => {
      return fetch(`${url}/confirm?do=replay&entry=${id}`, { method: "POST", mode: "no-cors", credentials: "include" })
        .catch(() => {});
    }, dashboard.url, DEAD);
    assert.ok(isDead());
  });

  it("cannot show it in a frame", async () => {
    await page.goto(dashboard.url + "/");
    const frames = await page.evaluate(() => new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.src = location.href;
      frame.addEventListener("load", () => resolve(Boolean(frame.contentDocument && frame.contentDocument.forms.length)));
      document.body.append(frame);
      setTimeout(() => resolve(false), 2000);
    }));
    assert.equal(frames, false);
  });

  for (const [what, change] of Object.entries({
    "without a token of the session's": (form) => form.delete("csrf"),
    "with another token": (form) => form.set("csrf", "0".repeat(64)),
  })) {
    it(`cannot have a form sent ${what}`, async () => {
      await page.goto(`${dashboard.url}/confirm?do=replay&entry=${DEAD}`);
      const csrf = await page.locator("main input[name=csrf]").getAttribute("value");
      const form = new Map([["csrf", csrf]]);
      change(form);
      const answer = await page.request.post(`${dashboard.url}/confirm?do=replay&entry=${DEAD}`, {
        form: Object.fromEntries(form), headers: { Origin: dashboard.url }, maxRedirects: 0,
      });
      assert.equal(answer.status(), 403);
      assert.ok(isDead());
    });
  }

  it("cannot read the cookie, which no other site's request carries", async () => {
    await page.goto(dashboard.url + "/");
    assert.equal(await page.evaluate(() => document.cookie), "");
    const [cookie] = await context.cookies(dashboard.url);
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
  });
});

describe("what is live", () => {
  let folder, dashboard, browser, page;

  const opened = useDashboard(showNotifications(3));

  before(async () => {
    ({ folder, dashboard, browser } = opened);
    page = await (await browser.newContext()).newPage();
    await signIn(page, dashboard);
  });

  it("shows a notification that comes, without being asked, and can be paused", async () => {
    await page.goto(dashboard.url + "/live");
    fill(folder, 4, 4);
    await page.getByRole("link", { name: "00000000-0000-4000-8000-000000000004" }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    assert.equal(await page.getByRole("button", { name: "Go on" }).count(), 1);
  });
});
