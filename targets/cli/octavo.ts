#!/usr/bin/env node
/** The `octavo` command. */
import { main } from "./main.ts";

process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exitCode = await main(process.argv.slice(2));
