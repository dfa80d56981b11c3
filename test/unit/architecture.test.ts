import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { arrowsUp, consoleUsers, nodeInBrowser, sourceOf, type Sources, type Targets } from '../support/architecture.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

// package.json of this very repository, whose shape we know.
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { imports: Targets; exports: Targets }

function read(): Sources {
  const paths = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  return new Map(paths.map(path => [path.split(sep).join('/'), readFileSync(join(root, 'src', path), 'utf8')]))
}

describe('the sources', () => {
  const sources = read()

  test('import only what stands below them', () => {
    expect(arrowsUp(sources, manifest.imports)).toEqual([])
  })

  // An entry that is meant for Node alone says so with the condition `node` and no `default`.
  const entries = Object.values(manifest.exports)
    .map(target => (typeof target === 'string' ? target : target['default']))
    .filter(target => target?.endsWith('.js') === true)
    .map(target => sourceOf(target ?? ''))
  test.each(entries)('bring nothing of Node into a browser that loads %s', entry => {
    expect(nodeInBrowser(sources, manifest.imports, entry)).toEqual([])
  })

  test('leave the console to the application', () => {
    expect(consoleUsers(sources)).toEqual([])
  })
})

describe('the check of arrows', () => {
  const imports: Targets = { '#engines': { node: './dist/engine/node.js', default: './dist/engine/browser.js' } }
  const check = (path: string, text: string) => arrowsUp(new Map([[path, text]]), imports)

  test.each([
    ['core/env.ts', `import { dial } from '../signaling/dial.js'`, 'signaling/dial.ts'],
    ['core/env.ts', `import type { Peer } from '../peer/remote-peer.js'`, 'peer/remote-peer.ts'],
    ['core/env.ts', `export * from '../index.js'`, 'index.ts'],
    ['identity/proof.ts', `import { Engine } from '../engine/engine.js'`, 'engine/engine.ts'],
    ['signaling/relay/relay.ts', `const peer = await import('../../peer/remote-peer.js')`, 'peer/remote-peer.ts'],
    ['room/p2pt.ts', `import { ConnectionManager } from "../torrent/connection-manager.js"`, 'torrent/connection-manager.ts'],
    ['mesh/mesh.ts', `export { x } from '../torrent/x.js'`, 'torrent/x.ts'],
    ['media/sender.ts', `import '../torrent/x.js'`, 'torrent/x.ts'],
    ['torrent/x.ts', `import { createMesh } from '../mesh/mesh.js'`, 'mesh/mesh.ts'],
  ])('finds that %s does %s', (path, text, target) => {
    expect(check(path, text)).toEqual([`${path} imports ${target}`])
  })

  test('follows the names of package.json under every condition', () => {
    expect(check('core/env.ts', `import { engines } from '#engines'`)).toEqual([
      'core/env.ts imports engine/node.ts',
      'core/env.ts imports engine/browser.ts',
    ])
  })

  test('refuses a folder that the design does not know', () => {
    expect(check('utils/misc.ts', '')).toEqual(['utils/misc.ts: the design has no place for the folder utils'])
  })

  test('lets pass what points down, stays in its folder, names a package or stands in a comment', () => {
    expect(
      check('peer/remote-peer.ts', `import '../core/env.js'; import './gate.js'; import 'ws' // import '../swarm/x.js'`),
    ).toEqual([])
    expect(check('index.ts', `export * from './mesh/mesh.js'; export * from './torrent/x.js'`)).toEqual([])
  })
})

describe('the check of what a browser loads', () => {
  const imports: Targets = { '#dial': { node: './dist/core/dial-node.js', default: './dist/core/dial-browser.js' } }
  const check = (sources: Record<string, string>) => nodeInBrowser(new Map(Object.entries(sources)), imports, 'index.ts')

  test('finds Node modules, packages for Node and Node globals, however far away', () => {
    const env = `import 'node:fs'; import path from 'path'; import 'ws'; import '#dial'`
    const dial = `Buffer.from('x'); globalThis.process.exit(); await import('node-datachannel/polyfill')`
    expect(check({ 'index.ts': `export * from './core/env.js'`, 'core/env.ts': env, 'core/dial-browser.ts': dial })).toEqual([
      'index.ts → core/env.ts imports node:fs',
      'index.ts → core/env.ts imports path',
      'index.ts → core/env.ts imports ws',
      'index.ts → core/env.ts → core/dial-browser.ts uses Buffer',
      'index.ts → core/env.ts → core/dial-browser.ts uses process',
      'index.ts → core/env.ts → core/dial-browser.ts imports node-datachannel/polyfill',
    ])
  })

  test('does not follow types, nor the variants for Node, nor members that are called the same', () => {
    const index = `import type { Stats } from 'node:fs'; import '#dial'; export const x = (y: Z) => ({ process: y.process })`
    expect(check({ 'index.ts': index, 'core/dial-browser.ts': '', 'core/dial-node.ts': `import 'ws'` })).toEqual([])
  })

  test('finds an entry that is not there', () => {
    expect(check({})).toEqual(['index.ts does not exist'])
  })
})

test('the check of the console finds a call, however it is written', () => {
  const sources = { 'a.ts': `console.log(1)`, 'b.ts': `globalThis.console.warn(1)`, 'c.ts': `/* console.log */ x.console()` }
  expect(consoleUsers(new Map(Object.entries(sources)))).toEqual(['a.ts', 'b.ts'])
})
