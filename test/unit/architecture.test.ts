import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { longFiles, misnamedFiles, sharedNames } from '../support/checks/naming.js'
import { readSources } from '../support/checks/sources.js'
import { arrowsUp, consoleUsers, nodeInBrowser, sourceOf, type Targets } from '../support/checks/architecture.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

// package.json of this repository, which has these fields.
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { imports: Targets; exports: Targets }

describe('the sources', () => {
  const sources = readSources()

  test('import only from layers below their own', () => {
    expect(arrowsUp(sources, manifest.imports)).toEqual([])
  })

  // An entry for Node alone has the condition `node` and no `default`.
  const entries = Object.values(manifest.exports).flatMap(target =>
    typeof target === 'object' && target['default'] !== undefined ? sourceOf(target['types']?.replace('.d.ts', '.js') ?? '') : [],
  )
  test.each(entries)('load no Node module in a browser that loads %s', entry => {
    expect(nodeInBrowser(sources, manifest.imports, entry)).toEqual([])
  })

  test('do not use the console', () => {
    expect(consoleUsers(sources)).toEqual([])
  })

  test('export each type under a name of its own', () => {
    expect(sharedNames(sources)).toEqual([])
  })

  test('name a file after its class', () => {
    expect(misnamedFiles(sources)).toEqual([])
  })

  test('have at most 300 lines in a file', () => {
    expect(longFiles(sources)).toEqual([])
  })
})

describe('the check of names', () => {
  test('reports a type that two files export, generic or not', () => {
    const texts = { 'a.ts': 'export interface Frame<T> {', 'b.ts': 'export type Frame = 1', 'c.ts': 'type Frame = 2' }
    expect(sharedNames(new Map(Object.entries(texts)))).toEqual(['Frame: a.ts, b.ts'])
  })

  test('reports a file whose only class has another name, and no file with several or with an error beside it', () => {
    const texts = {
      'peer/links.ts': 'export class ConnectionIndex {',
      'peer/remote-peer.ts': 'export class RemotePeer extends Emitter<X> {',
      'engine/w3c-channel.ts': 'export class W3cChannel {\nexport class ChannelError extends Error {',
      'core/errors.ts': 'export class A {\nexport class B {',
    }
    expect(misnamedFiles(new Map(Object.entries(texts)))).toEqual(['peer/links.ts exports ConnectionIndex'])
  })

  test('reports a file with 301 lines', () => {
    const texts = { 'a.ts': 'x\n'.repeat(300), 'b.ts': 'x\n'.repeat(301) }
    expect(longFiles(new Map(Object.entries(texts)))).toEqual(['b.ts has 301 lines'])
  })
})

describe('the check of layers', () => {
  const imports: Targets = { '#engines': { node: './dist/engine/node.js', default: './dist/engine/browser.js' } }
  const check = (path: string, text: string) => arrowsUp(new Map([[path, text]]), imports)

  test.each([
    ['core/env.ts', `import { dial } from '../signaling/dial.js'`, 'signaling/dial.ts'],
    ['core/env.ts', `import type { Peer } from '../peer/remote-peer.js'`, 'peer/remote-peer.ts'],
    ['core/env.ts', `export * from '../index.js'`, 'index.ts'],
    ['identity/proof.ts', `import { Engine } from '../engine/engine.js'`, 'engine/engine.ts'],
    ['signaling/exchange/exchange-signaling.ts', `const peer = await import('../../peer/remote-peer.js')`, 'peer/remote-peer.ts'],
    ['p2pt/p2pt.ts', `import { ConnectionManager } from "../torrent/connection-manager.js"`, 'torrent/connection-manager.ts'],
    ['mesh/mesh.ts', `export { x } from '../torrent/x.js'`, 'torrent/x.ts'],
    ['media/sender.ts', `import '../torrent/x.js'`, 'torrent/x.ts'],
    ['torrent/x.ts', `import { createMesh } from '../mesh/mesh.js'`, 'mesh/mesh.ts'],
  ])('reports %s for %s', (path, text, target) => {
    expect(check(path, text)).toEqual([`${path} imports ${target}`])
  })

  test('follows the imports of package.json under every condition', () => {
    expect(check('core/env.ts', `import { engines } from '#engines'`)).toEqual([
      'core/env.ts imports engine/node.ts',
      'core/env.ts imports engine/browser.ts',
    ])
  })

  test('reports a folder that is not in the design', () => {
    expect(check('utils/misc.ts', '')).toEqual(['utils/misc.ts: the design has no place for the folder utils'])
  })

  test('ignores imports that point down, stay in their folder, name a package or stand in a comment', () => {
    expect(
      check('peer/remote-peer.ts', `import '../core/env.js'; import './budget.js'; import 'ws' // import '../swarm/x.js'`),
    ).toEqual([])
    expect(check('index.ts', `export * from './mesh/mesh.js'; export * from './torrent/x.js'`)).toEqual([])
  })
})

describe('the check of browser code', () => {
  const imports: Targets = { '#dial': { node: './dist/core/dial-node.js', default: './dist/core/dial-browser.js' } }
  const check = (sources: Record<string, string>) => nodeInBrowser(new Map(Object.entries(sources)), imports, 'index.ts')

  test('reports Node modules, packages for Node and Node globals at any depth', () => {
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

  test('ignores types, variants for Node, and members with the name of a Node global', () => {
    const index = `import type { Stats } from 'node:fs'; import '#dial'; export const x = (y: Z) => ({ process: y.process })`
    expect(check({ 'index.ts': index, 'core/dial-browser.ts': '', 'core/dial-node.ts': `import 'ws'` })).toEqual([])
  })

  test('reports a missing entry', () => {
    expect(check({})).toEqual(['index.ts does not exist'])
  })
})

test('the check of the console reports a call in every form', () => {
  const sources = { 'a.ts': `console.log(1)`, 'b.ts': `globalThis.console.warn(1)`, 'c.ts': `/* console.log */ x.console()` }
  expect(consoleUsers(new Map(Object.entries(sources)))).toEqual(['a.ts', 'b.ts'])
})
