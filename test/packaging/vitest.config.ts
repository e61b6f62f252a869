/** `npm run test:packaging`: installs bundlers into throw-away projects; minutes, and needs the npm registry. */
import path from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({ root: path.resolve(import.meta.dirname, "../.."), test: { include: ["test/packaging/*.slow.ts"], testTimeout: 280_000, hookTimeout: 280_000, fileParallelism: false } });
