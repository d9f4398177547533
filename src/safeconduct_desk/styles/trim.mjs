// govuk-frontend repeats every colour as a fallback for browsers without custom properties; every browser that this
// desk works in has them. Without the repetitions a third of the file is gone.
import { readFileSync, writeFileSync } from "node:fs";

const [path] = process.argv.slice(2);
const given = readFileSync(path, "utf8");
const trimmed = given
  .replace(/var\((--govuk-[a-z-]+), ?#[0-9a-f]{3,8}\)/g, "var($1)")
  .replace(/@media print\{[^{}]+\{font-family:inherit\}\}/g, "")
  .replace(/-(webkit|moz)-[a-z-]*(font-smoothing|osx-font-smoothing):[a-z]+;?/g, "");
writeFileSync(path, trimmed);
