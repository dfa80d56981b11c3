import { describe, expect, inject, test } from 'vitest'
import { topicOf } from '../../src/core/id.js'
import { type Chance, expectSurvival, type Scene, type Surface } from '../support/hostile/attacks.js'
import { areConnected, countLosses, expectNothingLeft, identityOf, isConnected, joinHonest, Outsider } from './attack-scene.js'
import { type Node, type NodeOptions, World } from './world.js'

/** An announce id that the application chose: no key proves its owner. */
const CHOSEN = topicOf('the owner')
const OWNER = 3
const IMPOSTOR = 4
const MAX_IMPOSTORS = 3
/** How long it takes until the last attempt of an impostor has failed and the owner is dialled again. */
const CLEARED = 90_000

/** Like a `TrackerClient` with an announce id of its own: it has a key, but the id is not derived from it. */
const ROOM: NodeOptions = { bound: false }

interface Room extends Scene {
  world: World
  honest: Node[]
  owner: Node | undefined
  impostors: Node[]
  outsider: Outsider
  ownerJoins(): Promise<void>
  ownerLeaves(how: 'close' | 'kill'): Promise<void>
}

async function open(chance: Chance): Promise<Room> {
  const world = new World({ seed: chance.below(1_000) + 1 })
  const { env } = world
  const honest = [await joinHonest(world, 0, ROOM), await joinHonest(world, 1, ROOM)]
  await env.until(() => areConnected(honest), 20_000)
  await env.advance(1_000)
  const outsider = new Outsider(world)
  const losses = countLosses(honest)
  /** Honest members that were connected to the owner and lost it although it did not leave. */
  const met = new Set<Node>()
  const scene: Room = {
    env,
    world,
    honest,
    owner: undefined,
    impostors: [],
    outsider,
    async ownerJoins() {
      if (scene.owner === undefined) scene.owner = await joinHonest(world, OWNER, { ...ROOM, announceId: CHOSEN })
    },
    async ownerLeaves(how) {
      const { owner } = scene
      scene.owner = undefined
      met.clear()
      if (owner !== undefined) await (how === 'kill' ? die(owner) : owner.close())
    },
    check() {
      expect([losses(), areConnected(honest)], 'connections of other members').toEqual([0, true])
      for (const node of honest) {
        const ids = node.swarm.peers.map(({ remote }) => remote.announceId)
        expect(new Set(ids).size, 'one connection per remote').toBe(ids.length)
        expect(node.engine.alive.length, 'connections').toBeLessThanOrEqual(60)
        const { owner } = scene
        if (owner === undefined) continue
        const isMet = isConnected(owner, node) && isConnected(node, owner) // a former owner may still be missed
        if (met.has(node)) expect(isMet, 'the owner stays connected').toBe(true)
        if (isMet) met.add(node)
      }
    },
    async end() {
      for (const impostor of scene.impostors.splice(0)) await impostor.close()
      outsider.hangUp()
      await scene.ownerJoins()
      const { owner } = scene
      await env.until(
        () => owner !== undefined && honest.every(node => isConnected(owner, node) && isConnected(node, owner)),
        CLEARED,
      )
      const newcomer = await joinHonest(world, 2, ROOM)
      await env.until(() => areConnected([...honest, newcomer]), 20_000)
      await expectNothingLeft(world)
    },
  }
  return scene
}

/** Ends the process without telling peers or trackers. */
async function die(node: Node): Promise<void> {
  node.engine.vanish()
  for (const client of node.clients) client.close()
  await node.close()
}

async function offer(scene: Room, chance: Chance, how: { alive: boolean; signed: boolean }): Promise<void> {
  const identity = how.signed ? await identityOf(IMPOSTOR + chance.below(4)) : undefined
  const forgery = { identity, announceId: CHOSEN, alone: chance.flip() }
  const made = how.alive ? await scene.outsider.alive(forgery, chance) : await scene.outsider.dead(forgery, chance)
  scene.outsider.tell(chance.pick(scene.honest), made)
}

const surface: Surface<Room> = {
  name: 'an announce id that the application chose',
  open,
  moves: {
    'the owner joins': async scene => await scene.ownerJoins(),
    'the owner leaves': async scene => await scene.ownerLeaves('close'),
    'the owner dies': async scene => await scene.ownerLeaves('kill'),
    async 'an impostor joins'(scene, chance) {
      if (scene.impostors.length >= MAX_IMPOSTORS) return
      const identity = chance.flip() ? await identityOf(IMPOSTOR + chance.below(4)) : { peerId: chance.id() }
      scene.impostors.push(scene.world.join({ ...ROOM, announceId: CHOSEN, identity }))
    },
    'an impostor leaves': async scene => await scene.impostors.shift()?.close(),
    async 'an impostor dies'(scene) {
      const impostor = scene.impostors.shift()
      if (impostor !== undefined) await die(impostor)
    },
    'an offer under its id, with a key and no connection': async (scene, chance) =>
      await offer(scene, chance, { alive: false, signed: true }),
    'an offer under its id, like a stock peer': async (scene, chance) =>
      await offer(scene, chance, { alive: false, signed: false }),
    'a connection under its id, with a key': async (scene, chance) => await offer(scene, chance, { alive: true, signed: true }),
    'a connection under its id, like a stock peer': async (scene, chance) =>
      await offer(scene, chance, { alive: true, signed: false }),
    'closes its connections': ({ outsider }) => outsider.hangUp(),
    waits: async ({ env }, chance) => await env.advance(chance.below(3_000)),
  },
}

describe('impostors of an announce id that the application chose', () => {
  test('end no connection of the owner or of other members, and the owner connects when they are gone [X3]', async () => {
    await expectSurvival(surface, inject('attacks'))
  })
})
