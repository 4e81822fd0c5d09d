// The digest of Penstock's presets: of their sources, and of the lock file of the tools that they run.
// Keys of what presets make hold it, so that another version of them makes it anew.
const { createHash } = require("node:crypto");
const { readFileSync, readdirSync } = require("node:fs");
const { join, relative } = require("node:path");

const ROOT = join(__dirname, "../..");
const SOURCES = [
  join(ROOT, "runner/src/penstock_runner/presets"),
  join(ROOT, "shared/src/penstock_shared/presets"),
];
const LOCK = join(ROOT, "requirements/presets.txt");

const sources = (folder) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".py"))
    .map((name) => join(folder, name));

module.exports = async () => {
  const digest = createHash("sha256");
  for (const file of [...SOURCES.flatMap(sources), LOCK].sort()) {
    digest.update(`${relative(ROOT, file)}\0`).update(readFileSync(file)).update("\0");
  }
  return digest.digest("hex").slice(0, 32);
};
