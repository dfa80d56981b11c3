import { describe, expect, test } from 'vitest'
import { PauseWatch } from '../../../src/swarm/pause-watch.js'
import { VirtualEnv } from '../../support/virtual-env.js'

function setUp() {
  const env = new VirtualEnv()
  const told: boolean[] = []
  const torrent = { paused: false }
  const watch = new PauseWatch({ env, isPaused: () => torrent.paused, changed: paused => told.push(paused) })
  return { env, told, torrent, watch }
}

describe('X1 a watch for pauses', () => {
  test('sets no timer while the topic is not paused [X1]', async () => {
    const { env, told, watch } = setUp()
    expect([watch.look(), watch.look(), env.pendingTimers]).toEqual([false, false, 0])
    await env.advance(60_000)
    expect(told).toEqual([])
  })

  test('tells of a pause when it is asked, of its end within a second without being asked, and of each once [X1]', async () => {
    const { env, told, torrent, watch } = setUp()
    torrent.paused = true
    expect([watch.look(), watch.look(), env.pendingTimers]).toEqual([true, true, 1])
    await env.advance(60_000)
    torrent.paused = false
    await env.advance(1_000)
    expect([told, watch.look(), env.pendingTimers]).toEqual([[true, false], false, 0])
  })

  test('tells of the end at once when it is asked [X1]', () => {
    const { env, told, torrent, watch } = setUp()
    torrent.paused = true
    watch.look()
    torrent.paused = false
    expect([watch.look(), told, env.pendingTimers]).toEqual([false, [true, false], 0])
  })

  test('tells nothing more and leaves no timer when it is closed, and still says what is [X1]', async () => {
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
