// Makes what sass wrote ready to be sent. govuk-frontend repeats every colour as a fallback for browsers without custom
// properties; every browser that this desk works in has them. Without the repetitions a quarter of the file is gone.
// The .gz beside each file is what the server sends to browsers that take it.
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import rtlcss from "rtlcss";

const out = new URL("../static/desk/", import.meta.url);
const css = readFileSync(new URL("desk.css", out), "utf8")
  .replace(/var\((--govuk-[a-z-]+), ?#[0-9a-f]{3,8}\)/g, "var($1)")
  .replace(/@media print\{[^{}]+\{font-family:inherit\}\}/g, "")
  .replace(/-(webkit|moz)-[a-z-]*font-smoothing:[a-z]+;?/g, "");
const script = readFileSync(new URL("node_modules/htmx.org/dist/htmx.min.js", import.meta.url), "utf8");
const files = { "desk.css": css, "desk.rtl.css": rtlcss.process(css), "htmx.min.js": script };
for (const [name, text] of Object.entries(files)) {
  writeFileSync(new URL(name, out), text);
  writeFileSync(new URL(`${name}.gz`, out), gzipSync(text, { level: 9 }));
}
