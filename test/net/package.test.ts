/** What `npm pack` publishes. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { BloomFilter } from '../../src/core/bloom-filter.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dist = join(root, 'dist')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** What `npm pack --json` says of the package. */
interface Packed {
  size: number
  files: Array<{ path: string }>
}

async function load<Module>(path: string): Promise<Module> {
  return (await import(pathToFileURL(join(dist, path)).href)) as Module // the caller says what it is
}

describe('the published package', () => {
  let packed: Packed
  beforeAll(async () => {
    const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root })
    packed = JSON.parse(stdout)[0]
  })

  test('has at most 400 kB [X9]', () => {
    expect(packed.size).toBeLessThanOrEqual(400_000)
  })

  test('holds every file that package.json names, and no source maps but that of the script [X9]', () => {
    const paths = packed.files.map(({ path }) => path)
    const named = JSON.stringify([manifest.exports, manifest.imports, manifest.bin]).match(/dist\/[^"]+/g)
    expect(paths).toEqual(expect.arrayContaining(named ?? ['nothing is named']))
    expect(paths.filter(path => path.endsWith('.map'))).toEqual(['dist/swarmlink.min.js.map'])
  })

  test('imports only packages that npm installs with it, Node modules and its own files [X9]', () => {
    const { dependencies, optionalDependencies, peerDependencies } = manifest
    const installed = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
    const modules = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.js'))
    const specifiers = modules.flatMap(path =>
      [...readFileSync(join(dist, path), 'utf8').matchAll(/(?:\bfrom|\bimport\(?)\s*["'`]([\w@][^"'`\s]*)["'`]/g)].map(
        found => found[1] ?? '',
      ),
    )
    const foreign = new Set(
      specifiers.filter(name => !name.startsWith('node:')).map(name => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0]),
    )
    expect(installed).toEqual(expect.arrayContaining([...foreign]))
    expect(foreign).toContain('debug') // the expression finds imports
  })
})

test('the bundled libraries name nothing of Node, for which bundlers would ship polyfills [X9]', () => {
  for (const path of ['core/bloom-filter.js', 'channel/duplex.js', 'swarmlink.min.js'])
    expect(readFileSync(join(dist, path), 'utf8').match(/\bBuffer\b|\bglobal\.|\bimport\.meta\b/g)).toBeNull()
})

describe('the bundled bloom filter', () => {
  test('sets the same bits as the package bloom-filters, for every seed and size [X9]', async () => {
    const bundle = await load<{ BloomFilter: typeof BloomFilter }>('core/bloom-filter.js')
    const bytesOf = (filter: BloomFilter) => (filter as unknown as { _filter: { array: Uint8Array } })._filter.array // private in its types
    for (const [capacity, errorRate] of [
      [1, 0.5],
      [100, 0.01],
      [20_000, 0.001],
    ] as const)
      for (const seed of [undefined, 0, 1, 0x7fff_ffff, 0xffff_fffe]) {
        const bundled = bundle.BloomFilter.create(capacity, errorRate)
        const published = BloomFilter.create(capacity, errorRate)
        for (const filter of [bundled, published]) {
          if (seed !== undefined) filter.seed = seed
          for (let i = 0; i < Math.min(capacity, 200); i++) filter.add(`${i}-ä-${'x'.repeat(i % 70)}`)
        }
        expect(bytesOf(bundled)).toEqual(bytesOf(published))
        expect(bundled.has('0-ä-')).toBe(true)
      }
  })
})

describe('the script', () => {
  test('exports what the plugin, rooms and drivers export [X9]', async () => {
    const script = await load<object>('swarmlink.min.js')
    const parts = await Promise.all(['index.js', 'room.js', 'signaling/index.js'].map(path => load<object>(path)))
    expect(Object.keys(script).toSorted()).toEqual(parts.flatMap(part => Object.keys(part)).toSorted())
  })

  test('has a source map that leads to the file and the line of a statement [X9]', () => {
    const code = readFileSync(join(dist, 'swarmlink.min.js'), 'utf8')
    const map = new SourceMap(JSON.parse(readFileSync(join(dist, 'swarmlink.min.js.map'), 'utf8')))
    const thrown = 'the wire is closed'
    const before = code.slice(0, code.indexOf(thrown)).split('\n')
    const place = map.findEntry(before.length - 1, before.at(-1)?.length ?? 0)
    if (!('originalSource' in place)) throw new Error('the map does not know the place')
    const source = readFileSync(join(dist, place.originalSource), 'utf8').split('\n')
    expect(source[place.originalLine]).toContain(thrown)
    expect(code.trimEnd().split('\n').at(-1)).toBe('//# sourceMappingURL=swarmlink.min.js.map')
  })
})
