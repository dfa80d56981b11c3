import { describe, expect, inject, test } from 'vitest'
import { HASH_BYTES, MAX_HASHES } from '../../src/channel/control/codec.js'
import { toHex } from '../../src/core/bytes.js'
import type { Id } from '../../src/core/id.js'
import { parseSdp } from '../../src/core/sdp.js'
import { newAnnounceId } from '../../src/identity/announce-id.js'
import type { Identity } from '../../src/identity/identity.js'
import { type Chance, expectSurvival, type Scene, type Surface } from '../support/hostile/attacks.js'
import { ControlTap, sayFrame } from '../support/hostile/control-tap.js'
import { direct } from '../support/fakes/fake-bus.js'
import { areConnected, countLosses, expectNothingLeft, identityOf, isConnected, joinHonest, Outsider } from './attack-scene.js'
import { type Node, type NodeOptions, TOPIC, World } from './world.js'

/** A topic that the honest members share besides the topic of all three. */
const COMMON = 'cd'.repeat(20)
/** The attacker may show at most this many unknown topic hashes per connection before it is cut off. */
const STRANGE = 8_192
/** The most concurrent attempts per remote: see `PeerRegistry`. */
const MAX_ATTEMPTS = 4
const ATTACKER = 20
const KEPT = 100
/** One in this many moves of the kind adds a newcomer, which costs more than all other moves together. */
const NEWCOMERS = 4
/**
 * How long a newcomer may take while the attacker forges a refusal after each of its offers and answers. A member that is refused on
 * a bus dials again only after the next announcement of the other, which comes once a minute, plus a tenth.
 */
const PATIENCE = 75_000

/** The identity line of a member that has a key: only its offers are bound to their receiver. */
const SIGNED = /^a=swarmlink:1 \S+ \S+ \S+ \S+\r?$/m

const SHARES: NodeOptions = { shares: ({ verified }) => verified }

interface Offer {
  from: Id
  to: Id
  offerId: Id
  sdp: string
}

/** Two honest members and an attacker at a tracker and on a bus on which every member hears every message. */
interface Shared extends Scene {
  world: World
  honest: Node[]
  eve: Node
  tap: ControlTap
  outsider: Outsider
  /** The attacker's remotes: they have keys, and no connection behind their offers. */
  remotes: Array<{ identity: Identity; announceId: Id }>
  /** Offers sent over the bus, oldest first. */
  seen: Offer[]
  /** Whether each offer and answer is followed by a forged refusal from its receiver. */
  refuses: boolean
}

async function open(chance: Chance): Promise<Shared> {
  const world = new World({ seed: chance.below(1_000) + 1, hubs: [{}], buses: [{}] })
  const { env, bus } = world
  const honest = [await joinHonest(world, 0, SHARES), await joinHonest(world, 1, SHARES)]
  // The attacker either proves its identity or cannot, and then no topic is shared with it.
  const identity = chance.flip() ? await identityOf(2) : { peerId: chance.id() }
  const eve = await joinHonest(world, 2, { identity, hubs: [] })
  const tap = new ControlTap(eve.engine)
  const remotes: Shared['remotes'] = []
  for (const nth of [ATTACKER, ATTACKER + 1]) {
    const key = await identityOf(nth)
    remotes.push({ identity: key, announceId: newAnnounceId(key, env) })
  }
  const scene: Shared = {
    env,
    world,
    honest,
    eve,
    tap,
    outsider: new Outsider(world),
    remotes,
    seen: [],
    refuses: false,
    check: () => {},
    end: async () => {},
  }
  /** The receiver of each signed offer on the bus, and how often another member answered it, on the bus or at the tracker. */
  const signedFor = new Map<string, Id>()
  const receivers = new Map<Id, Id>()
  let misled = 0
  const { hub } = world
  const answer = hub.answer.bind(hub)
  hub.answer = sent => {
    misled += Number((receivers.get(sent.offerId) ?? sent.from) !== sent.from)
    answer(sent)
  }
  const write = bus.write.bind(bus)
  bus.write = (namespace, message) => {
    write(namespace, message)
    const [, topic, to] = namespace
    const { kind, from, offerId, sdp } = message as Record<string, string> // the members' own format
    if (topic !== TOPIC || to === undefined || (kind !== 'offer' && kind !== 'answer')) return
    if (from === undefined || offerId === undefined || sdp === undefined) return
    if (kind === 'answer') misled += Number((receivers.get(offerId) ?? from) !== from)
    else scene.seen.push({ from, to, offerId, sdp })
    if (kind === 'offer' && SIGNED.test(sdp)) {
      const receiver = signedFor.get(sdp) ?? to // a repeated offer may have another id
      signedFor.set(sdp, receiver)
      receivers.set(offerId, receiver)
    }
    if (scene.seen.length > KEPT) scene.seen.shift()
    if (scene.refuses) write(direct(TOPIC, from), { kind: 'refusal', from: to, offerId })
  }
  const common = honest.map(node => node.also(COMMON))
  await env.until(() => areConnected(honest) && common.every(({ peers }) => peers.length === 1), 20_000)
  await env.advance(2_000)
  const losses = countLosses(honest)
  scene.check = () => {
    expect([losses(), areConnected(honest)], 'honest connections').toEqual([0, true])
    expect(misled, 'answers to offers that were made for another member').toBe(0)
    for (const { swarm, runtime, engine } of honest) {
      const ids = swarm.peers.map(({ remote }) => remote.announceId)
      expect(new Set(ids).size, 'one connection per remote').toBe(ids.length)
      expect(engine.alive.length, 'connections').toBeLessThanOrEqual(100)
      expect(runtime.budget.used, 'slots').toBeLessThanOrEqual(100)
      for (const { announceId } of remotes)
        expect([...runtime.index.entries(announceId)].length, 'attempts').toBeLessThanOrEqual(MAX_ATTEMPTS)
    }
    for (const swarm of common)
      expect(
        swarm.peers.filter(({ remote }) => remote.announceId === eve.announceId),
        'a topic that the attacker does not have',
      ).toEqual([])
  }
  scene.end = async () => {
    scene.refuses = true
    const newcomer = await joinHonest(world, 3, { ...SHARES, hubs: [] })
    const theirs = newcomer.also(COMMON)
    await env.until(() => honest.every(node => isConnected(newcomer, node) && isConnected(node, newcomer)), PATIENCE)
    await env.until(() => theirs.peers.length >= honest.length, PATIENCE)
    scene.outsider.hangUp()
    await expectNothingLeft(world)
  }
  return scene
}

const member = ({ honest }: Shared, chance: Chance) => chance.pick(honest)
const strange = (chance: Chance, count: number) => Array.from({ length: count }, () => toHex(chance.bytes(HASH_BYTES)))

const refuse = ({ world }: Shared, from: Id, to: Id, offerId: Id) =>
  world.bus.write(direct(TOPIC, to), { kind: 'refusal', from, offerId })

const surface: Surface<Shared> = {
  name: 'shared topics, refusals, bound offers and attempts',
  open,
  moves: {
    'shows unknown topic hashes'(scene, chance) {
      const line = scene.tap.lines.length > 0 ? chance.pick(scene.tap.lines) : undefined
      if (line !== undefined) sayFrame(scene.tap, line, { type: 'topics', hashes: strange(chance, 1 + chance.below(20)) })
    },
    'enumerates topic hashes until it is cut off'(scene, chance) {
      const line = scene.tap.lines.length > 0 ? chance.pick(scene.tap.lines) : undefined
      for (let shown = 0; line !== undefined && shown < STRANGE / 8; shown += MAX_HASHES) {
        const hashes = strange(chance, MAX_HASHES)
        sayFrame(scene.tap, line, { type: 'topics', hashes })
        sayFrame(scene.tap, line, { type: 'gone', hashes })
      }
    },
    'withdraws topic hashes that it never showed'(scene, chance) {
      const line = scene.tap.lines.length > 0 ? chance.pick(scene.tap.lines) : undefined
      if (line !== undefined) sayFrame(scene.tap, line, { type: 'gone', hashes: strange(chance, 1 + chance.below(20)) })
    },
    'opens channels of unknown topic hashes'(scene, chance) {
      const line = scene.tap.lines.length > 0 ? chance.pick(scene.tap.lines) : undefined
      if (line?.connection.state !== 'connected') return
      for (const name of strange(chance, 1 + chance.below(4)))
        line.connection.createChannel(`swarmlink:${chance.pick(['wire', 'messages', 'nothing', ''])}:${name}`)
    },
    'begins to forge refusals, or stops'(scene, chance) {
      scene.refuses = chance.flip()
    },
    'forges refusals of offers'(scene, chance) {
      for (const { from, to, offerId } of scene.seen) {
        refuse(scene, to, from, offerId)
        if (chance.flip()) refuse(scene, from, to, offerId)
      }
    },
    'refuses offers that were never made'(scene, chance) {
      for (let i = 0; i < 5; i++) refuse(scene, member(scene, chance).announceId, member(scene, chance).announceId, chance.id())
    },
    'replays an offer to its receiver'(scene, chance) {
      if (scene.seen.length === 0) return
      const { from, to, offerId, sdp } = chance.pick(scene.seen)
      scene.world.bus.write(direct(TOPIC, to), { kind: 'offer', from, offerId: chance.flip() ? offerId : chance.id(), sdp })
    },
    'replays an offer to another receiver'(scene, chance) {
      if (scene.seen.length === 0) return
      const { from, offerId, sdp } = chance.pick(scene.seen)
      scene.world.bus.write(direct(TOPIC, member(scene, chance).announceId), { kind: 'offer', from, offerId, sdp })
    },
    'replays an offer from the bus to a tracker'(scene, chance) {
      if (scene.seen.length === 0) return
      const { from, offerId, sdp } = chance.pick(scene.seen)
      scene.outsider.tell(member(scene, chance), { from, offerId, sdp: parseSdp(sdp) })
    },
    async 'replays old offers of one remote'(scene, chance) {
      const victim = member(scene, chance)
      const remote = chance.pick(scene.remotes)
      const bound = await scene.outsider.dead({ ...remote, to: victim.announceId }, chance)
      const loose = await scene.outsider.dead(remote, chance)
      const about = { from: remote.announceId, offerId: bound.offerId, sdp: bound.sdp.text }
      scene.world.bus.write(direct(TOPIC, victim.announceId), { kind: 'offer', ...about })
      scene.outsider.tell(victim, loose)
    },
    async 'a newcomer joins under refusals, and leaves'(scene, chance) {
      if (chance.below(NEWCOMERS) > 0) return
      const { env, world, honest } = scene
      const refused = scene.refuses
      scene.refuses = true
      const newcomer = await joinHonest(world, 4 + chance.below(3), { ...SHARES, hubs: [] })
      await env.until(() => honest.every(node => isConnected(newcomer, node)), PATIENCE)
      await newcomer.close()
      scene.refuses = refused
    },
  },
}

describe('forged topic hashes, refusals and replayed offers', () => {
  test('cost no honest connection, and exclude no newcomer [X2] [X3]', async () => {
    await expectSurvival(surface, inject('attacks'))
  })
})
