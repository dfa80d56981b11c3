import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { findPolyfills } from '../../../src/engine/find-polyfill.js'

let home = ''

/** Makes the tree of an application: packages below a root, which stands for the folder of this library. */
function tree(...packages: string[]): string {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'swarmlink-tree-')))
  for (const path of packages) {
    mkdirSync(join(home, path), { recursive: true })
    const manifest = { name: path, exports: { node: { types: './types.d.ts', import: './entry.js' } } }
    writeFileSync(join(home, path, 'package.json'), JSON.stringify(manifest))
  }
  return home
}

const url = (path: string) => pathToFileURL(join(home, path, 'entry.js')).href

afterEach(() => rmSync(home, { recursive: true, force: true }))

it('finds a polyfill in the same node_modules, with the entry for `import`', () => {
  const root = tree('node_modules/node-datachannel', 'node_modules/webrtc-polyfill')
  expect(findPolyfills(root, [root])).toEqual([url('node_modules/webrtc-polyfill')])
})

it('finds a polyfill below simple-peer below webtorrent', () => {
  const peer = 'node_modules/webtorrent/node_modules/@thaunknown/simple-peer'
  const root = tree('node_modules/node-datachannel', 'node_modules/webtorrent', peer, `${peer}/node_modules/webrtc-polyfill`)
  expect(findPolyfills(root, [root])).toEqual([url(`${peer}/node_modules/webrtc-polyfill`)])
})

it('skips a polyfill with its own node-datachannel, whose cleanup() is separate', () => {
  const root = tree(
    'node_modules/node-datachannel',
    'node_modules/webrtc-polyfill',
    'node_modules/webrtc-polyfill/node_modules/node-datachannel',
  )
  expect(findPolyfills(root, [root])).toEqual([])
})

it('follows the symbolic links of pnpm', () => {
  const store = 'node_modules/.pnpm'
  const root = tree(`${store}/a/node_modules/node-datachannel`, `${store}/b/node_modules/webrtc-polyfill`)
  const link = (from: string, to: string) => {
    mkdirSync(dirname(join(root, from)), { recursive: true })
    symlinkSync(join(root, to), join(root, from))
  }
  link('node_modules/node-datachannel', `${store}/a/node_modules/node-datachannel`)
  link('node_modules/webrtc-polyfill', `${store}/b/node_modules/webrtc-polyfill`)
  link(`${store}/b/node_modules/node-datachannel`, `${store}/a/node_modules/node-datachannel`)
  expect(findPolyfills(root, [root])).toEqual([url(`${store}/b/node_modules/webrtc-polyfill`)])
})

it('finds nothing without node-datachannel, and by default finds the copy of this project', () => {
  const root = tree('node_modules/webrtc-polyfill')
  expect(findPolyfills(root, [root])).toEqual([])
  expect(findPolyfills()).toHaveLength(1)
})
