/** What only a whole process can show: that it ends by itself, and that our connections outlive WebTorrent's. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = new URL('../..', import.meta.url).pathname
/** A build of its own, with the package's manifest beside it for `#engines`: `dist` may be rebuilt at any moment. */
const home = mkdtempSync(join(tmpdir(), 'swarmlink-engine-'))
const dist = join(home, 'dist')

beforeAll(async () => {
  // Errors of types elsewhere are for the type check to report; what is needed here is emitted all the same.
  await run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, 'tsconfig.build.json'),
    '--outDir',
    dist,
  ]).catch(() => {})
  cpSync(join(root, 'package.json'), join(home, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'))
})

afterAll(() => rmSync(home, { recursive: true }))

/** Runs a fixture to its own end; a process that does not end is killed, and that is an error. */
async function fixture(name: string, ...args: string[]): Promise<unknown> {
  const path = new URL(`fixtures/${name}.js`, import.meta.url).pathname
  const { stdout } = await run(process.execPath, [path, dist, ...args], { timeout: 20_000, killSignal: 'SIGKILL' })
  return JSON.parse(stdout)
}

describe('a process that uses node-datachannel', () => {
  it('ends by itself after an offer that nobody answered', async () => {
    expect(await fixture('engine-unanswered')).toEqual({ engine: 'node-datachannel', closed: 'closed' })
  })

  it('ends by itself after connections that lived', async () => {
    expect(await fixture('engine-closed')).toEqual({ closed: 2 })
  })

  const alive = { message: 'still alive', states: ['connected', 'connected'] }

  it("keeps its connections when WebTorrent's last one closes (webrtc-polyfill calls cleanup())", async () => {
    expect(await fixture('engine-polyfill')).toEqual(alive)
  })

  it("keeps them when WebTorrent's connections were there before ours", async () => {
    expect(await fixture('engine-polyfill', 'stock first')).toEqual(alive)
  })

  const dead = { states: ['failed', 'failed'], channels: ['closed', 'closed'], message: 'alive again' }

  it('notices within seconds that the library was shut down, and can connect again', async () => {
    expect(await fixture('engine-killed', 'cleanup')).toEqual(dead)
  })

  it('notices it at once when it sends', async () => {
    expect(await fixture('engine-killed', 'send')).toEqual({ ...dead, refused: 'ERR_CLOSED' })
  })

  it('notices it when a connection of WebTorrent’s is closed three times, which fools its count', async () => {
    expect(await fixture('engine-killed', 'close three times')).toEqual(dead)
  })
})
