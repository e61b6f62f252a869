/** Everything runs in Node; the conformance suite also in Chromium and in workerd. */
import { existsSync } from "node:fs";
import path from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectConfiguration } from "vitest/config";

const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium", engines = ["test/conformance/engines.test.ts"];
const target = (name: string) => ({ alias: { "#target": path.resolve(import.meta.dirname, `test/conformance/targets/${name}.ts`) } });
const globalSetup = ["test/conformance/setup.ts"];
// As root and without a network of its own, Chromium needs these.
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** workerd takes .wasm imports as compiled modules; Vite would turn them into JavaScript. The two slashes: Vite passes on what looks like a URL. */
const compiledWasm = {
  name: "compiled-wasm",
  enforce: "pre" as const,
  resolveId: (id: string, from?: string) =>
    id.endsWith(".wasm") && from ? { id: `/${path.resolve(path.dirname(from), id)}?mf_vitest_force=CompiledWasm`, external: true } : undefined,
};

const projects: TestProjectConfiguration[] = [
  { resolve: target("node"), test: { name: "node", include: ["test/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 120_000, globalSetup } },
  {
    plugins: [compiledWasm, cloudflareTest({ miniflare: { compatibilityDate: "2026-10-01" } })], resolve: target("workerd"),
    test: { name: "workerd", include: engines, testTimeout: 60_000, globalSetup },
  },
];
if (existsSync(chromium)) {
  projects.push({
    resolve: target("chromium"),
    test: {
      name: "chromium", include: engines, testTimeout: 60_000, globalSetup,
      browser: { enabled: true, headless: true, screenshotFailures: false, provider: playwright({ launchOptions: { executablePath: chromium, args } }), instances: [{ browser: "chromium" }] },
    },
  });
} else {
  console.warn(`Chromium is not at ${chromium} (CHROMIUM says where): its part of the conformance suite is skipped.`);
}

export default defineConfig({ test: { projects } });
