import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Demo } from '../support/demo.js'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swarmlink-test-'))
  file = join(folder, 'words.bin')
  await writeFile(file, crypto.getRandomValues(new Uint8Array(60_000)))
})
afterEach(async () => {
  Demo.killAll()
  await rm(folder, { recursive: true })
})

/** Directs temporary files to a folder where the test can look for remains. */

const demo = (name: string, ...args: string[]) =>
  new Demo(process.execPath, [join('demo', `${name}.js`), ...args], { TMPDIR: folder })

describe('demos', () => {
  it.each(['seed', 'leech', 'all-in-one'])('%s explains itself', async name => {
    const helped = demo(name, '--help')
    expect(await helped.ended).toBe(0)
    expect(helped.out).toMatch(/^Usage: npm run demo/)
    expect(helped.out).toContain('--wrtc ENGINE')
  })
})

describe('a demo with a mistake', () => {
  const HASH = 'a'.repeat(40)
  const DEAD = ['--tracker', 'ws://127.0.0.1:9']

  it.each<[string, () => [string, ...string[]], number, RegExp]>([
    ['no file named', () => ['seed'], 2, /FILE is missing/],
    ['no such file', () => ['seed', join(folder, 'none')], 1, /there is no file/],
    ['a folder', () => ['seed', folder], 1, /is not a file/],
    ['an unknown option', () => ['seed', file, '--fast'], 2, /--fast/],
    ['an unknown engine', () => ['seed', file, '--wrtc', 'chrome'], 2, /--wrtc takes node-datachannel or roamhq/],
    [
      'a tracker of another kind',
      () => ['seed', file, '--tracker', 'udp://127.0.0.1:9'],
      1,
      /a tracker must be a ws: or wss: URL/,
    ],
    ['a seeder without a tracker that lives', () => ['seed', file, ...DEAD], 1, /no tracker can be reached: .*ECONNREFUSED/],
    ['no magnet', () => ['leech'], 2, /MAGNET is missing/],
    ['a bad magnet', () => ['leech', 'magnet:?xt=urn:btih:12', ...DEAD], 2, /not a magnet link/],
    ['a magnet cut short by the shell', () => ['leech', `magnet:?xt=urn:btih:${HASH}`], 2, /in quotes/],
    [
      'a leecher without a tracker that lives',
      () => ['leech', `magnet:?xt=urn:btih:${HASH}`, ...DEAD],
      1,
      /no tracker can be reached/,
    ],
    [
      'a file where the folder should be',
      () => ['leech', `magnet:?xt=urn:btih:${HASH}`, ...DEAD, '--out', file],
      1,
      /--out .+ cannot be used/,
    ],
    ['damaged credentials', () => ['seed', file, '--credentials', join(folder, 'damaged.json')], 1, /damaged\.json: /],
    ['exposed credentials', () => ['seed', file, '--credentials', join(folder, 'exposed.json')], 1, /chmod 600/],
    ['credentials that are a folder', () => ['seed', file, '--credentials', folder], 1, /is not a file/],
    ['a size that is no number', () => ['all-in-one', '--size', 'big'], 2, /--size takes a number/],
  ])('prints one line: %s', async (_what, line, code, message) => {
    await writeFile(join(folder, 'damaged.json'), '{"peerId":', { mode: 0o600 })
    await writeFile(join(folder, 'exposed.json'), '{}')
    await chmod(join(folder, 'exposed.json'), 0o644)
    const [name, ...args] = line()
    const failed = demo(name, ...args)
    expect(await failed.ended).toBe(code)
    expect(failed.err).toMatch(/^error: [^\n]+\n$/)
    expect(failed.err).toMatch(message)
  })

  describe('a tracker that accepts the connection and sends nothing', () => {
    let silent: Server
    beforeEach(async () => {
      silent = createServer(socket => socket.on('error', () => {}))
      await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    })
    afterEach(() => void silent.close())

    it('is given up', async () => {
      const { port } = silent.address() as AddressInfo // it listens
      const failed = demo('seed', file, '--tracker', `ws://127.0.0.1:${port}`)
      expect(await failed.ended).toBe(1)
      expect(failed.err).toBe('error: no tracker can be reached: none of them answers\n')
    })
  })
})
