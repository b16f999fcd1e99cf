// The server's pages in Chromium: what people see, that nothing is loaded from elsewhere, that it works.
//
//   pages.mjs CHROMIUM ROOT UI SCREENSHOTS DOCUMENTS
//
// ROOT is the address of a server without a user interface, UI of one with the application in app/, DOCUMENTS
// the folder docs/openapi. The password of the demo's users is in SSVIRT_DEMO_PASSWORD. Prints PASS and FAIL lines, as ../lib.sh does.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [executablePath, root, ui, screenshots, documents] = process.argv.slice(2);
const password = process.env.SSVIRT_DEMO_PASSWORD;
const PATIENCE = 30_000;
let failed = false;

function check(name, ok, detail = "") {
  console.log(`${ok ? "PASS" : "FAIL"} browser: ${name}${ok ? "" : `: ${detail}`}`);
  failed ||= !ok;
}

const browser = await chromium.launch({
  executablePath,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

/** Runs `steps` in a window of its own; whatever goes wrong in it is a failure of its own. */
async function visit(name, options, steps) {
  // The certificate is the server's own.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const origins = new Set();
  const complaints = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.protocol !== "blob:") {
      origins.add(url.origin);
    }
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      complaints.push(message.text());
    }
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => complaints.push(`${request.url()} ${request.failure().errorText}`));
  try {
    await steps(page);
    const own = new URL(page.url()).origin;
    check(`${name}: nothing is loaded from elsewhere`, [...origins].every((origin) => origin === own), [...origins]);
    check(`${name}: the browser has nothing to complain of`, complaints.length === 0, complaints.join(" | "));
  } catch (error) {
    check(`${name}: works`, false, error);
    await page.screenshot({ path: join(screenshots, `${name.replaceAll(" ", "-")}-failed.png`) });
  }
  await context.close();
}

const shot = (page, name, fullPage = true) =>
  page.screenshot({ path: join(screenshots, `${name}.png`), fullPage });

for (const colorScheme of ["light", "dark"]) {
  await visit(`start page ${colorScheme}`, { colorScheme }, async (page) => {
    await page.goto(root);
    await page.getByText("Ready.", { exact: true }).waitFor();
    const text = await page.locator("main").innerText();
    check("start page: has name and kind", text.includes("SSVirt") && text.includes("Simulator"), text);
    check("start page: shows store and backend", /Store: sqlite\s+answers/.test(text) &&
      /Backend default: simulator\s+answers/.test(text), text);
    check("start page: shows its own address", text.includes(`${root}/api`), text);
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = back.match(/\d+/g).every((part) => Number(part) < 64);
    check(`start page: is ${colorScheme}`, dark === (colorScheme === "dark"), back);
    await shot(page, `start-${colorScheme}`);
  });
}

await visit("start page on a phone", { viewport: { width: 360, height: 740 } }, async (page) => {
  await page.goto(root);
  await page.getByText("Ready.", { exact: true }).waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  check("start page on a phone: fits", !wide);
  await shot(page, "start-phone");
});

await visit("explorer", { viewport: { width: 1280, height: 900 } }, async (page) => {
  await page.goto(root);
  await page.getByRole("link", { name: "API explorer" }).click();
  const operations = (name) => Object.values(JSON.parse(readFileSync(join(documents, `${name}.json`))).paths)
    .reduce((sum, methods) => sum + Object.keys(methods).length, 0);

  // Every group is opened, and all that is in the document is listed.
  const openAll = async (count) => {
    const closed = page.locator(".opblock-tag-section:not(.is-open) .opblock-tag");
    while (await closed.count() > 0) {
      await closed.first().click();
    }
    await page.waitForFunction((count) => window.document.querySelectorAll(".opblock").length === count, count);
  };
  await page.locator(".opblock-tag").first().waitFor();
  await shot(page, "explorer", false);
  await openAll(operations("cloudapi-39.1"));
  check("explorer: lists every operation of /cloudapi", true);

  await page.getByLabel("User", { exact: true }).fill("admin");
  await page.getByLabel("Organization", { exact: true }).fill("demo");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.getByText("admin of demo").waitFor();
  check("explorer: logs in", true);

  const current = page.locator("#operations-Sessions-getSession");
  await current.locator(".opblock-summary-control").click();
  await current.locator("input[placeholder=id]").fill("current");
  await current.getByRole("button", { name: "Execute" }).click();
  const body = current.locator(".live-responses-table .response .highlight-code").first();
  await body.waitFor();
  const answer = await body.innerText();
  check("explorer: GET sessions/current answers", answer.includes('"name": "admin"'), answer);
  const curl = await current.locator(".curl").innerText();
  check("explorer: asks for the version", curl.includes("application/json;version=39.1"), curl);
  await current.scrollIntoViewIfNeeded();
  await shot(page, "explorer-answer", false);

  await page.getByLabel("Document").selectOption("api-37.3");
  await page.locator(".info .version", { hasText: "37.3" }).waitFor();
  await page.waitForFunction(() => location.search === "?document=api-37.3");
  // Three operations were taken away in 38.0.
  await openAll(operations("api-39.1") + 3);
  check("explorer: lists every operation of /api in 37.3", true);
  const versions = page.locator("#operations-Sessions-getVersions");
  await versions.locator(".opblock-summary-control").click();
  await versions.getByRole("button", { name: "Execute" }).click();
  const list = versions.locator(".live-responses-table .response .highlight-code").first();
  await list.waitFor();
  const xml = await list.innerText();
  check("explorer: GET /api/versions answers", xml.includes("<Version>39.1</Version>"), xml.slice(0, 400));
  // The login holds in this document too; an answer without a body has no media type to choose.
  const logout = page.locator("#operations-Sessions-deleteCurrentSession");
  await logout.locator(".opblock-summary-control").click();
  await logout.getByRole("button", { name: "Execute" }).click();
  const status = logout.locator(".live-responses-table .response-col_status").last();
  await status.waitFor();
  check("explorer: logs out by the old way", (await status.innerText()).trim().startsWith("204"), await status.innerText());
  await shot(page, "explorer-api", false);
});

await visit("explorer at an old document", {}, async (page) => {
  await page.goto(`${root}/api-explorer?document=api-36.0`);
  await page.locator(".info .version", { hasText: "36.0" }).waitFor();
  check("explorer: a link may name the document", await page.getByLabel("Document").inputValue() === "api-36.0");
});

await visit("user interface", {}, async (page) => {
  await page.goto(`${ui}/vms/urn%3Avcloud%3Avm%3A1?tab=hardware`);
  await page.getByRole("heading", { name: "Fixture" }).waitFor();
  const shown = await page.locator("#shown").innerText();
  check("user interface: a deep link is the application's", shown === "/vms/urn%3Avcloud%3Avm%3A1", shown);
  await page.locator("#config", { hasText: "same origin" }).waitFor();
  const color = await page.evaluate(() => getComputedStyle(document.body).color);
  check("user interface: its assets are served", color === "rgb(1, 2, 3)", color);
  await page.locator("#api", { hasText: "39.1" }).waitFor();
  check("user interface: /api is the server's", true);
  await page.reload();
  await page.getByRole("heading", { name: "Fixture" }).waitFor();
  check("user interface: a reload stays where it is", page.url().includes("/vms/"), page.url());
  const missing = await page.request.get(`${ui}/assets/missing.js`);
  check("user interface: a missing asset is missing", missing.status() === 404, missing.status());
  const start = await page.request.get(`${ui}/ssvirt`);
  check("user interface: the start page is at /ssvirt", (await start.text()).includes("Simulator"));
  await shot(page, "user-interface", false);
});

await browser.close();
process.exit(failed ? 1 : 0);
