/** The page of examples/browser in Chromium: drawn on with pointer events, taught a symbol, and opened again without a network. */
import { existsSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium", dist = path.resolve(import.meta.dirname, "../../dist/converter/index.js");
const missing = !existsSync(executablePath) ? `Chromium is not at ${executablePath}` : !existsSync(dist) ? "the package is not built" : "";
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Points on an ellipse in a unit square, from and to in turns. */
const arc = (cx: number, cy: number, rx: number, ry: number, from: number, to: number) =>
  Array.from({ length: 17 }, (_, i) => [cx + rx * Math.cos(2 * Math.PI * (from + ((to - from) * i) / 16)), cy + ry * Math.sin(2 * Math.PI * (from + ((to - from) * i) / 16))] as const);
const strokes = { 0: arc(0.5, 0.5, 0.2, 0.3, 0, 1), 3: [...arc(0.48, 0.33, 0.2, 0.17, -0.4, 0.25), ...arc(0.48, 0.68, 0.22, 0.18, -0.25, 0.42)], 7: [[0.3, 0.2], [0.7, 0.2], [0.45, 0.8]] as const };

async function draw(page: Page, points: readonly (readonly [number, number])[]): Promise<void> {
  const box = (await page.locator("#pad").boundingBox())!, at = ([x, y]: readonly [number, number]) => [box.x + x * box.width, box.y + y * box.height] as const;
  await page.mouse.move(...at(points[0]!));
  await page.mouse.down();
  for (const p of points) await page.mouse.move(...at(p), { steps: 3 });
  await page.mouse.up();
}

describe.skipIf(missing)(`examples/browser${missing && `: ${missing}`}`, () => {
  let browser: Browser, server: Server, page: Page;
  const errors: string[] = [];

  beforeAll(async () => {
    const example = await import("../../scripts/example-browser.mjs");
    await example.makeFiles();
    server = example.serve(0);
    browser = await chromium.launch({ executablePath, args });
    page = await browser.newPage({ viewport: { width: 900, height: 700 } });
    page.on("pageerror", (e) => errors.push(e.message));
    page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await page.getByText("Ready.").waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test.each(Object.entries(strokes))("a drawn %s is read", async (digit, points) => {
    await page.getByRole("button", { name: "Clear" }).click();
    await expect.poll(() => page.locator("#digit").textContent()).toBe("–");
    await draw(page, points);
    await expect.poll(() => page.locator("#digit").textContent()).toBe(digit);
    await expect.poll(() => page.locator("#facts").innerText()).toContain("one answer");
  });

  /** A triangle with a stroke under it, a little different each time. */
  const symbol = (i: number) => {
    const j = (k: number) => 0.05 * Math.sin(17 * i + 5 * k);
    return [[0.5 + j(1), 0.2 + j(2)], [0.78 + j(3), 0.62 + j(4)], [0.22 + j(5), 0.62 + j(6)], [0.5 + j(1), 0.2 + j(2)], [0.5 + j(1), 0.85 + j(7)]] as const;
  };
  const button = (name: string) => page.getByRole("button", { name });
  const answerTo = async (points: readonly (readonly [number, number])[]) => {
    await button("Clear").click();
    await expect.poll(() => page.locator("#digit").textContent()).toBe("–");
    await draw(page, points);
    await expect.poll(() => page.locator("#digit").textContent()).not.toBe("–");
    await page.waitForTimeout(100);
    return page.locator("#digit").textContent();
  };
  const shot = (name: string) => (process.env.OCTAVO_SHOTS ? page.screenshot({ path: path.join(process.env.OCTAVO_SHOTS, `${name}.png`), fullPage: true }) : undefined);

  test("a symbol is learned from ten drawings while the page stays responsive", async () => {
    expect(await button("Learn").isDisabled()).toBe(true);
    await button("Keep this drawing").click();
    await button("Clear").click();
    await button("Keep this drawing").click();
    await page.getByText("Draw something first.").waitFor();
    await page.reload();
    await page.getByText("Ready.").waitFor();
    for (let i = 0; i < 10; i++) {
      await draw(page, symbol(i));
      await button("Keep this drawing").click();
    }
    await page.getByText("it can learn now").waitFor();
    await shot("kept");
    await page.evaluate(() => {
      const gaps: number[] = [], page = globalThis as unknown as { gaps: number[]; frame: () => void };
      let last = performance.now();
      page.gaps = gaps;
      page.frame = () => { gaps.push(performance.now() - last); last = performance.now(); requestAnimationFrame(page.frame); };
      requestAnimationFrame(page.frame);
    });
    await button("Learn").click();
    await page.getByText("Learned ★").waitFor();
    const gaps = (await page.evaluate(() => (globalThis as unknown as { gaps: number[] }).gaps)).sort((a, b) => a - b);
    expect(gaps.length).toBeGreaterThan(10);
    expect(gaps[gaps.length >> 1], "the median, since a busy machine may hold back a frame").toBeLessThan(100);
    expect(await page.locator("#curves .loss").first().getAttribute("points")).toMatch(/^(\d+\.\d,-?\d+\.\d ?){20,}$/);
    await shot("learned");
  });

  test("it reads the symbol, and digits as before", async () => {
    for (const i of [20, 21, 22]) expect(await answerTo(symbol(i))).toBe("★");
    await shot("symbol");
    for (const [digit, points] of Object.entries(strokes)) expect(await answerTo(points)).toBe(digit);
  });

  test("it knows the symbol when it is opened again, and forgets it when told to", async () => {
    await page.reload();
    await page.getByText("It knows ★").waitFor();
    expect(await answerTo(symbol(23))).toBe("★");
    await button("Forget the symbol").click();
    await page.getByText("★ is forgotten").waitFor();
    expect(await answerTo(symbol(23))).not.toBe("★");
    await page.reload();
    await page.getByText("Ready.").waitFor();
    expect(await page.locator("#bars li").count()).toBe(10);
    expect(await button("Forget the symbol").isVisible()).toBe(false);
  });

  test("no errors, also under the strict policy", () => expect(errors).toEqual([]));

  test("it opens without the server", async () => {
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await page.reload();
    server.close();
    server.closeAllConnections();
    await page.reload();
    await page.getByText("Ready.").waitFor();
    await draw(page, strokes[3]);
    await expect.poll(() => page.locator("#digit").textContent()).toBe("3");
  });
});
