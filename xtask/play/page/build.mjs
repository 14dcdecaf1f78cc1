// Bundles the page into a folder: `node build.mjs OUT PLAY_WASM`.
//
// Place: `cargo xtask play` calls it, and the tests of the page do. Rule: what it writes needs
// no server but one that gives files, and names nothing outside its folder.

import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [out, wasm] = process.argv.slice(2);
if (!out || !wasm) throw new Error("node build.mjs OUT PLAY_WASM");
const src = join(dirname(fileURLToPath(import.meta.url)), "src");

await mkdir(out, { recursive: true });
await build({
  entryPoints: { main: join(src, "main.tsx"), worker: join(src, "worker.ts") },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
});
await copyFile(join(src, "index.html"), join(out, "index.html"));
await copyFile(wasm, join(out, "play.wasm"));
