// Serves a folder on the loopback interface: `node serve.mjs FOLDER PORT`.
//
// Place: `cargo xtask play` starts it, and the tests of the page import `serve`. Rules: only
// files of that folder, only to this machine. Port 0 is any that is free; the address is the
// first line of standard output.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { pathToFileURL } from "node:url";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
};

/** The server, once it listens. */
export function serve(folder, port) {
  const server = createServer((request, response) => void give(folder, request, response));
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

export function address(server) {
  return `http://127.0.0.1:${server.address().port}/`;
}

async function give(folder, request, response) {
  const refuse = (status) => response.writeHead(status).end();
  let name;
  try {
    name = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
  } catch {
    return refuse(400);
  }
  if (request.method !== "GET" && request.method !== "HEAD") return refuse(405);
  const path = join(folder, name.endsWith(sep) ? `${name}index.html` : name);
  const file = await stat(path).catch(() => null);
  if (!file?.isFile()) return refuse(404);
  const type = TYPES[extname(path)] ?? "application/octet-stream";
  response.writeHead(200, {
    "content-type": type,
    "content-length": file.size,
    "cache-control": "no-cache",
  });
  if (request.method === "HEAD") return response.end();
  createReadStream(path).pipe(response);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [folder, port] = process.argv.slice(2);
  try {
    console.log(address(await serve(folder, Number(port))));
  } catch (why) {
    console.error(why.code === "EADDRINUSE" ? `port ${port} is taken` : why.message);
    process.exitCode = 1;
  }
}
