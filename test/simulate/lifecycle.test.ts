import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createIdentity } from '../../src/identity/key-pair.js'
import { World } from './world.js'

describe('Swarm.close()', () => {
  test('leaves no connection, no timer and no pending promise, at any moment [Law 5]', async () => {
    const moment = fc.record({
      seed: fc.nat(1_000_000),
      count: fc.integer({ min: 1, max: 5 }),
      // Dialling, gathering, signalling and connecting all happen in the first 150 ms.
      at: fc.oneof(fc.nat(150), fc.nat(150), fc.nat(70_000)),
      trackerStops: fc.boolean(),
      fails: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(moment, async ({ seed, count, at, trackerStops, fails }) => {
        const world = new World({ seed })
        const nodes = world.joinMany(count)
        if (fails)
          for (const { engine } of nodes) engine.fault = nth => (['create', 'mute', undefined, 'ice', 'accept'] as const)[nth % 5]
        const rounds = nodes.map(({ swarm }) => swarm.discover())
        await world.env.advance(at)
        if (trackerStops) world.hub.stop()
        const connections = nodes.flatMap(({ swarm }) => swarm.connections)
        const closing = connections.map(connection => connection.close())
        const ends = [...nodes].map(node => node.close())
        await world.env.advance(200)
        const settled = await Promise.race([
          Promise.all([...ends, ...rounds, ...closing]).then(() => 'settled'),
          new Promise(resolve => setImmediate(() => setImmediate(() => resolve('pending')))),
        ])
        expect(settled).toBe('settled')
        expect(nodes.map(({ engine }) => engine.alive.length)).toEqual(nodes.map(() => 0))
        expect(nodes.map(({ runtime }) => runtime.budget.used)).toEqual(nodes.map(() => 0))
        expect(nodes.flatMap(({ swarm }) => [...swarm.peers, ...swarm.connections, ...swarm.signalings])).toEqual([])
        expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
      }),
      { numRuns: 100 },
    )
  })

  test('settles at once while an announcement waits for its offers [Law 5]', async () => {
    const world = new World({ gathering: 5_000 })
    const node = world.join()
    await world.env.advance(100)
    expect(world.hub.heard).toEqual([])
    let ended = false
    void node.close().then(() => {
      ended = true
    })
    await world.env.advance(0)
    expect(ended).toBe(true)
    await world.env.advance(10) // the departure arrives
    expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
  })

  test('leaves nothing behind although a signalling of the application throws on unsubscribing [Law 5]', async () => {
    const world = new World()
    const [one] = world.joinMany(2)
    await world.env.until(() => world.missingLinks() === 0, 10_000)
    for (const client of one?.clients ?? [])
      client.announce = () => {
        throw new Error('not today')
      }
    await one?.close()
    await world.env.advance(10)
    expect(one?.warnings.map(({ code, message }) => [code, message])).toEqual([
      ['ERR_SIGNALING_LINK', expect.stringMatching(/unsubscribing from .* failed.*not today/)],
    ])
    await world.closeAll()
    await world.env.advance(10)
    expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
  })

  test('is idempotent, as is detach(), and tells the tracker [A4] [Law 5]', async () => {
    const world = new World()
    const [a] = world.joinMany(2)
    await world.env.until(() => world.missingLinks() === 0)
    await Promise.all([a?.swarm.close(), a?.swarm.close(), a?.swarm[Symbol.asyncDispose]()])
    await world.env.advance(100)
    expect(world.hub.heard.filter(({ event }) => event === 'stopped').map(({ from }) => from)).toEqual([a?.announceId])
    await a?.swarm.detach('hub')
    await a?.swarm.detach('never attached')
    await world.closeAll()
  })
})

describe('a swarm that was paused', () => {
  test('announces again within about 1 s of resuming, without being told [D6]', async () => {
    const world = new World()
    let paused = true
    const resting = world.join({ paused: () => paused })
    const other = world.join({ paused: () => paused })
    await world.env.advance(60_000)
    expect([resting.swarm.peers.length, world.hub.heard.every(({ offers }) => offers === 0)]).toEqual([0, true])
    paused = false
    await world.env.advance(1_500)
    expect([resting.swarm.peers.length, other.swarm.peers.length]).toEqual([1, 1])
    await world.closeAll()
  })
})

describe('a simulated run', () => {
  test.each([1, 2])('is the same for the same seed (%i) [Law 2]', async seed => {
    const run = async () => {
      const world = new World({ seed })
      const nodes = world.joinMany(10)
      await world.env.advance(20_000)
      const heard = world.hub.heard.map(({ at, from, offers }) => `${at} ${from} ${offers}`)
      const stages = nodes.map(({ swarm }) => swarm.stages())
      await world.closeAll()
      return { heard, stages }
    }
    expect(await run()).toEqual(await run())
  })
})

describe('identities in a swarm', () => {
  test("gives verified peers each other's peer ids [X3]", async () => {
    const world = new World()
    const identities = await Promise.all([1, 2, 3].map(() => createIdentity({ env: world.env })))
    const nodes = identities.map(identity => world.join({ identity }))
    await world.env.until(() => world.missingLinks() === 0, 20_000)
    for (const { swarm } of nodes)
      for (const { remote } of swarm.peers) {
        expect(remote.verified).toBe(true)
        expect(identities.map(({ peerId }) => peerId)).toContain(remote.peerId)
      }
    await world.closeAll()
  })
})
