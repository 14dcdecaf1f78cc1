// All tests of the page, in one program: each is a line of what it prints.

await import("./links.mjs");
await import("./chapters.mjs");
await import("./keys.mjs");
await import("./hunt.mjs");
await import("./looks.mjs");
