/** Properties of a whole process: it ends by itself, and swarmlink's connections outlive WebTorrent's. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = new URL('../..', import.meta.url).pathname
const dist = join(root, 'dist')

/** Runs a fixture until it ends. A process that does not end is killed, which is an error. */
async function fixture(name: string, ...args: string[]): Promise<unknown> {
  const path = new URL(`fixtures/${name}.js`, import.meta.url).pathname
  const { stdout } = await run(process.execPath, [path, dist, ...args], { timeout: 20_000, killSignal: 'SIGKILL' })
  return JSON.parse(stdout)
}

describe('a process that uses node-datachannel', () => {
  it('ends by itself after an unanswered offer', async () => {
    expect(await fixture('engine-unanswered')).toEqual({ engine: 'node-datachannel', closed: 'closed' })
  })

  it('ends by itself after its connections have closed', async () => {
    expect(await fixture('engine-closed')).toEqual({ closed: 2 })
  })

  it('says that channels have closed that the remote closed at once, and ends by itself', async () => {
    expect(await fixture('engine-hasty')).toEqual({ closed: 20, states: ['connected', 'connected'] })
  })

  const alive = { message: 'still alive', states: ['connected', 'connected'] }

  it("keeps its connections when WebTorrent's last one closes (webrtc-polyfill calls cleanup())", async () => {
    expect(await fixture('engine-polyfill')).toEqual(alive)
  })

  it("keeps its connections when WebTorrent's came first", async () => {
    expect(await fixture('engine-polyfill', 'stock first')).toEqual(alive)
  })

  it("leaves the application's own node-datachannel connections alone [D4]", async () => {
    expect(await fixture('engine-others')).toEqual({ state: 'connecting', channel: 'after' })
  })

  const dead = { states: ['failed', 'failed'], channels: ['closed', 'closed'], message: 'alive again' }

  it('notices within seconds that the library was shut down, and can connect again', async () => {
    expect(await fixture('engine-killed', 'cleanup')).toEqual(dead)
  })

  it('notices it at once when it sends', async () => {
    expect(await fixture('engine-killed', 'send')).toEqual({ ...dead, refused: 'ERR_CLOSED' })
  })

  it('notices it when a WebTorrent connection is closed three times, which makes the polyfill miscount', async () => {
    expect(await fixture('engine-killed', 'close three times')).toEqual(dead)
  })
})
