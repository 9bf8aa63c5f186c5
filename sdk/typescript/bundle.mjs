// Bundles /rum.js, and fails when it is larger than a page should load for being measured.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const most = 8 * 1024; // bytes, gzipped
const target = "dist/browser/rum.js";

const { outputFiles } = await build({
  entryPoints: ["src/rum/script.ts"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  write: false,
});
const [{ contents }] = outputFiles;
const size = gzipSync(contents, { level: 9 }).length;
if (size > most) {
  console.error(`${target} would be ${size} bytes gzipped; it may be ${most}`);
  process.exit(1);
}
await mkdir(dirname(target), { recursive: true });
await writeFile(target, contents);
console.log(`${target}: ${contents.length} bytes, ${size} gzipped`);
