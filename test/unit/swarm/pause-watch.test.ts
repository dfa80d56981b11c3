import { describe, expect, test } from 'vitest'
import { PauseWatch } from '../../../src/swarm/pause-watch.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

function setUp() {
  const env = new VirtualEnv()
  const told: boolean[] = []
  const torrent = { paused: false }
  const watch = new PauseWatch({ env, isPaused: () => torrent.paused, changed: paused => told.push(paused) })
  return { env, told, torrent, watch }
}

describe('PauseWatch', () => {
  test('sets no timer while the topic is not paused [X1]', async () => {
    const { env, told, watch } = setUp()
    expect([watch.look(), watch.look(), env.pendingTimers]).toEqual([false, false, 0])
    await env.advance(60_000)
    expect(told).toEqual([])
  })

  test('reports a pause when asked, its end within 1 s without being asked, and each once [X1]', async () => {
    const { env, told, torrent, watch } = setUp()
    torrent.paused = true
    expect([watch.look(), watch.look(), env.pendingTimers]).toEqual([true, true, 1])
    await env.advance(60_000)
    torrent.paused = false
    await env.advance(1_000)
    expect([told, watch.look(), env.pendingTimers]).toEqual([[true, false], false, 0])
  })

  test('reports the end at once when asked [X1]', () => {
    const { env, told, torrent, watch } = setUp()
    torrent.paused = true
    watch.look()
    torrent.paused = false
    expect([watch.look(), told, env.pendingTimers]).toEqual([false, [true, false], 0])
  })

  test('reports nothing more and leaves no timer after close(), and still answers [X1]', async () => {
    const { env, told, torrent, watch } = setUp()
    torrent.paused = true
    watch.look()
    watch.close()
    torrent.paused = false
    await env.advance(5_000)
    expect([told, watch.look(), env.pendingTimers]).toEqual([[true], false, 0])
    torrent.paused = true
    expect([watch.look(), env.pendingTimers]).toEqual([true, 0])
  })
})
