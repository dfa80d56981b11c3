/** Whole demos: each starts two to five processes that load WebTorrent. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
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
const run = (command: string, ...args: string[]) => new Demo(command, args, { TMPDIR: folder })
const demo = (name: string, ...args: string[]) => run(process.execPath, join('demo', `${name}.js`), ...args)

/** A seeder with a tracker of its own, and the command that it prints for the leecher. */
async function seeding(...args: string[]): Promise<{ seeder: Demo; command: string; magnet: string; tracker: string }> {
  const seeder = demo('seed', file, ...args)
  const [, command = '', magnet = ''] = await seeder.says(/^ +(npm run demo:leech -- "(magnet:.+)")$/m)
  const [, tracker = ''] = await seeder.says(/^Announced at (\S+)/m)
  await seeder.says(/^Type to chat/m)
  return { seeder, command, magnet, tracker }
}

describe('npm run demo', () => {
  it.each(['node-datachannel', 'roamhq'])('moves a file and messages by %s, and leaves nothing behind [D9]', async engine => {
    const all = demo('all-in-one', '--size', '3', '--wrtc', engine)
    expect(await all.ended, all.err).toBe(0)
    expect(all.err).toBe('')
    expect(all.out).toMatch(/First wire +\d/)
    expect(all.out).toMatch(/Throughput +3 MB in .+MB\/s/)
    expect(all.out).toContain('SHA-256      the same on both sides')
    expect(all.out).toContain('seeder says: ')
    expect(all.out).toContain('leecher says: ')
    expect(all.out).toMatch(/^torrent wires +1 +1$/m)
    expect(await readdir(folder)).toEqual(['words.bin'])
  })

  it('ends after Ctrl-C, with its processes and its files [D9]', async () => {
    const all = demo('all-in-one', '--size', '100')
    await all.says(/received 25%/)
    all.signal('SIGINT')
    expect(await all.ended).toBe(130)
    expect(all.err).toBe('')
    expect(await readdir(folder)).toEqual(['words.bin'])
  })

  it('takes its processes with it when it is killed [D9]', async () => {
    const all = demo('all-in-one', '--size', '100')
    await all.says(/received 25%/)
    all.signal('SIGKILL')
    expect(await all.ended).toBe(null)
  })
})

describe('npm run demo:outlive', () => {
  it('connects four peers although the tracker dies, and leaves nothing behind [X2]', async () => {
    const outlive = demo('outlive')
    expect(await outlive.ended, outlive.err).toBe(0)
    expect(outlive.err).toBe('')
    expect(outlive.out).toMatch(/^Connected +6 of 6: 1 at the tracker, 2 by hand, 3 introduced by another peer$/m)
    expect(outlive.out).toMatch(/^Messages +12 greetings/m)
    expect(await readdir(folder)).toEqual(['words.bin'])
  })
})

describe('npm run demo:seed and demo:leech', () => {
  it('fetches the file with the printed command, and Ctrl-C ends the seeder with code 0 [D9]', async () => {
    const { seeder, command } = await seeding()
    const leecher = run('sh', '-c', `${command} --out ${join(folder, 'out')}`)
    expect(await leecher.ended, leecher.err).toBe(0)
    expect(await readFile(join(folder, 'out', 'words.bin'))).toEqual(await readFile(file))

    seeder.signal('SIGINT')
    expect(await seeder.ended).toBe(0)
    expect(seeder.err).toBe('')
    expect(seeder.out).toMatch(/^torrent wires +1$/m)
  })

  it('carries typed lines to the other side, without terminal control sequences [D9]', async () => {
    const { seeder, magnet } = await seeding()
    const leecher = demo('leech', magnet, '--out', join(folder, 'out'), '--stay')
    await Promise.all([seeder.says(/ is here/), leecher.says(/ is here/)])
    leecher.type('good\u001B[2Jmorning')
    seeder.type('good evening')
    await seeder.says(/^[0-9a-f]{8}: good \[2Jmorning$/m)
    await leecher.says(/^[0-9a-f]{8}: good evening$/m)

    await leecher.says(/^Seeding now/m)
    leecher.signal('SIGTERM')
    expect(await leecher.ended).toBe(0)
    await seeder.says(/ is gone/)
  })

  it('warns when no peer is connected to read a line [D9]', async () => {
    const { seeder } = await seeding()
    seeder.type('hello?')
    expect(await seeder.says(/not sent/)).toBeTruthy()
  })

  it('keeps its peer id with the same credentials [D7]', async () => {
    const credentials = join(folder, 'peer.json')
    const ids: Array<string | undefined> = []
    for (const _time of ['first', 'second']) {
      const { seeder } = await seeding('--credentials', credentials)
      const [, id] = await seeder.says(/as peer ([0-9a-f]{40})$/m)
      ids.push(id)
      seeder.signal('SIGTERM')
      expect(await seeder.ended).toBe(0)
    }
    expect(ids[0]).toBe(ids[1])
  })

  it('reports a tracker that is down once, not at every dial [D9]', async () => {
    const { seeder, tracker } = await seeding()
    const leecher = demo('leech', `magnet:?xt=urn:btih:${'b'.repeat(40)}`, '--tracker', tracker, '--debug')
    await leecher.says(/^Looking for peers/m)
    seeder.signal('SIGTERM') // ends its tracker with it
    await expect.poll(() => leecher.err.match(/next dial in/g)?.length ?? 0, { timeout: 20_000 }).toBeGreaterThanOrEqual(4)
    expect(leecher.err.match(/^warning: .*ECONNREFUSED/gm)).toHaveLength(1)
    leecher.signal('SIGINT')
    await leecher.ended
  })

  it('does not report success for a leecher that is stopped before it has the file [D9]', async () => {
    const { tracker } = await seeding()
    const leecher = demo('leech', `magnet:?xt=urn:btih:${'a'.repeat(40)}`, '--tracker', tracker)
    await leecher.says(/^Looking for peers/m)
    leecher.signal('SIGINT')
    expect(await leecher.ended).toBe(130)
    expect(leecher.err).toBe('')
    expect(await readdir(folder)).toEqual(['words.bin'])
  })
})
