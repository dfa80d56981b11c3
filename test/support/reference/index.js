// @ts-check
/**
 * Writes docs/reference, one page for each entry point, from the comments in the sources. With `--check` it writes nothing, and fails when
 * a page differs. It reads the declaration files in `dist`, so build first.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ENTRIES, exportsOf, find } from './declarations.js'
import { Page } from './page.js'

/** @typedef {import('./declarations.js').Declaration} Declaration */

/** Types of what only tests hand in: the pages name them, and no more. */
const UNDESCRIBED = ['Env', 'DialNats']

const folder = fileURLToPath(new URL('../../../docs/reference', import.meta.url))
/** What each entry point is for. @type {Record<string, string>} */
const PURPOSES = {
  swarmlink: 'The plugin for WebTorrent, the tracker client, message channels, identities, errors and statistics.',
  'swarmlink/room': 'Rooms, compatible with the published package `p2pt`.',
  'swarmlink/media': 'Calls: audio, video and messages between the ends of a room, compatible with the published package `p2p`.',
  'swarmlink/mesh': 'Meshes: broadcasts to any number of members, each of which is connected to a few.',
  'swarmlink/signaling': 'Drivers of a bus, and the interfaces for a signalling of your own.',
  'swarmlink/signaling/nats': 'The driver for NATS servers.',
  'swarmlink/signaling/server': 'The server behind `WebSocketDriver`; Node only.',
}
/** Exports what three other entry points export. */
const SCRIPT = 'swarmlink/script'
const pages = ENTRIES.filter(({ name }) => name !== SCRIPT).map(({ name, path }) => {
  const purpose = PURPOSES[name]
  if (purpose === undefined)
    throw new Error(`${name} is a new entry point: say in test/support/reference/index.js what it is for`)
  return { name, path, file: `${name.replace(/^\w+\//, '').replaceAll('/', '-')}.md`, purpose }
})

/** The page of each declaration: that of the first entry point which exports or names it. @type {Map<Declaration, string>} */
const homes = new Map()
/** @type {Set<Declaration>} */
const unexported = new Set()
for (const { path, file } of pages) for (const exported of exportsOf(path)) if (!homes.has(exported)) homes.set(exported, file)
// The loop also visits what it adds, and so finds the types that an unexported type names.
for (const [{ path, type, bases, choices, members }, file] of homes) {
  const types = [type, ...bases, ...choices.map(choice => choice.type), ...members.map(member => member.type)]
  for (const name of types.join(' ').match(/\b[A-Z]\w*/g) ?? []) {
    const named = find(path, name)
    if (named === undefined || homes.has(named) || !/^(?:interface|type)$/.test(named.kind) || UNDESCRIBED.includes(name))
      continue
    homes.set(named, file)
    unexported.add(named)
  }
}

const readme = [
  '# Reference',
  'What each entry point exports. The [guides](../README.md) show how to use it.',
  pages.map(({ name, file, purpose }) => `- [${name}](${file}): ${purpose}`).join('\n'),
  `\`${SCRIPT}\` is [one file](../guides/without-a-bundler.md) with the exports of \`swarmlink\`, \`swarmlink/room\` and \`swarmlink/signaling\`.`,
  'A class that extends [`Emitter`](swarmlink.md#emitter) has the events of the table at its end. One that implements `AsyncDisposable` has `[Symbol.asyncDispose]()`, which is the same as its `close()`, `destroy()` or `disconnect()`.',
]
const notice = '<!-- `npm run reference` writes this page from the comments in src: edit those instead. -->'
const blocks = new Map([['README.md', readme]])
for (const { name, path, file, purpose } of pages)
  blocks.set(file, [`# ${name}`, purpose, ...new Page(file, homes, unexported).blocks(path)])
const texts = new Map([...blocks].map(([file, list]) => [file, `${[notice, ...list].join('\n\n')}\n`]))

const found = existsSync(folder) ? readdirSync(folder) : []
const stale = found.filter(file => !texts.has(file))
const different = [...texts.keys()].filter(
  file => !found.includes(file) || readFileSync(join(folder, file), 'utf8') !== texts.get(file),
)
if (!process.argv.includes('--check')) {
  mkdirSync(folder, { recursive: true })
  for (const file of stale) rmSync(join(folder, file))
  for (const file of different) writeFileSync(join(folder, file), texts.get(file) ?? '')
} else if (stale.length + different.length > 0) {
  const files = [...different, ...stale].map(file => `docs/reference/${file}`).join(', ')
  console.error(`error: ${files} differ from the comments in src: run npm run reference`)
  process.exitCode = 1
}
