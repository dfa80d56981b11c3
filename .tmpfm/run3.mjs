// test/support/bundle.js
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
var root = fileURLToPath("file:///work/main/");
async function bundle(entry = "dist/index.js", fileName = "swarmlink") {
  const result = await build({
    configFile: false,
    root,
    logLevel: "error",
    build: {
      write: false,
      lib: { entry: join(root, entry), formats: ["es"], fileName },
      rolldownOptions: { output: { chunkFileNames: "[name]-[hash].js" } }
    }
  });
  const [output] = [result].flat();
  if (output === void 0 || !("output" in output)) throw new Error("vite built nothing");
  return output.output.flatMap(
    (file) => file.type === "chunk" ? [
      /** @type {[string, string]} */
      [`/${file.fileName}`, file.code]
    ] : []
  );
}

// test/support/chromium.ts
import { chromium } from "playwright";

// test/support/programs.ts
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join as join2 } from "node:path";
var PLACES = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"];
async function requireProgram(program) {
  const chosen = program.variable === void 0 ? void 0 : process.env[program.variable];
  if (chosen && isExecutable(chosen)) return chosen;
  const found = chosen ? void 0 : find(program.command);
  if (found !== void 0) return found;
  if (!chosen && process.getuid?.() === 0 && isExecutable("/usr/bin/apt-get")) {
    say(`installing ${program.package}, which these tests need \u2026`);
    await install(program);
    const installed = find(program.command);
    if (installed !== void 0) return installed;
  }
  const missing = `${program.command} is missing: run \`apt-get install ${program.package}\`${program.variable === void 0 ? "" : ` or set ${program.variable} to its path`}`;
  if (process.env["CI"]) throw new Error(missing);
  say(`skipped: ${missing}`);
  return void 0;
}
function find(command) {
  return [...(process.env["PATH"] ?? "").split(delimiter), ...PLACES].filter((place) => place !== "").map((place) => join2(place, command)).find(isExecutable);
}
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
function install(program) {
  const script = `command -v ${program.command} || { apt-get update && apt-get install -y ${program.package}; }`;
  const child = spawn("flock", [join2(tmpdir(), "swarmlink-apt.lock"), "sh", "-c", script], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  });
  return new Promise((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
}
function say(line) {
  process.stderr.write(`${line}
`);
}

// test/support/chromium.ts
var CHROMIUM_FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
];
function requireChromium() {
  return requireProgram({ command: "chromium", package: "chromium", variable: "CHROMIUM_PATH" });
}
async function launchChromium(...flags) {
  const executablePath = await requireChromium();
  if (executablePath === void 0) throw new Error("there is no Chromium; skip the test as in the example");
  return chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS, ...flags] });
}

// test/support/pages.ts
import { createServer } from "node:http";
async function serveFiles(files) {
  const texts = new Map(files);
  const server = createServer(({ url = "" }, response) => {
    const text = texts.get(url);
    const type = url.endsWith(".js") ? "text/javascript" : "text/html";
    response.writeHead(text === void 0 ? 404 : 200, { "content-type": type }).end(text);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return { origin: `http://127.0.0.1:${port}`, close: () => server.close() };
}

// .tmpfm/run.mts
var N = Number(process.argv[2]);
var PER = 100;
var probe = `
globalThis.log = []
globalThis.seen = []
const Native = RTCPeerConnection
globalThis.RTCPeerConnection = class extends Native {
  constructor(c) { super(c); const mine = { pc: new WeakRef(this), chans: [], made: [] }; seen.push(mine)
    this.addEventListener('datachannel', e => { mine.chans.push([e.channel, e.channel.readyState]) }) ; this.mine = mine }
  createDataChannel(l) { const ch = super.createDataChannel(l); this.mine.made.push(ch); return ch }
}
`;
var site = await serveFiles([
  ["/", "<!doctype html><script>" + probe + '</script><script type="module" src="/first-message.js"></script>'],
  ...await bundle("test/net/fixtures/first-message.js", "first-message")
]);
var browser = await launchChromium();
var bad = 0;
for (let made = 0; made < N; made += PER) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(site.origin);
  for (let i = 0; i < PER; i += PER) {
    const lost = await page.evaluate(async () => {
      let out = [];
      for (let i2 = 0; i2 < 100; i2++) {
        seen.length = 0;
        const l = await run(1);
        if (l.length) out.push({ l, log: seen.map(m => JSON.stringify({ state: m.pc.deref()?.connectionState, chans: m.chans.map(([c, was]) => [c.label, was, c.readyState, c.id]), made: m.made.map(c => [c.label, c.readyState, c.id]) })) });
      }
      return out;
    });
    for (const x of lost) {
      bad++;
      console.log(JSON.stringify(x.l));
      console.log(x.log.join("\n"));
    }
  }
  await context.close();
}
console.log("bad", bad, "of", N);
await browser.close();
site.close();
process.exit();
