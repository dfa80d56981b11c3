import { describe, expect, inject, test } from 'vitest'
import { HASH_BYTES } from '../../src/channel/control/codec.js'
import { concatBytes, hmacSha256, sha256, toHex, utf8 } from '../../src/core/bytes.js'
import { type Id, idBytes } from '../../src/core/id.js'
import { encode, type ExchangeFrame } from '../../src/signaling/exchange/codec.js'
import type { Swarm } from '../../src/swarm/swarm.js'
import { type Chance, expectSurvival, type Scene, type Surface } from '../support/hostile/attacks.js'
import { ControlTap, sayFrame, type TappedLine } from '../support/hostile/control-tap.js'
import { direct, broadcast } from '../support/fakes/fake-bus.js'
import { FakeHub, type FakeSignaling } from '../support/fakes/fake-signaling.js'
import { areConnected, countLosses, expectNothingLeft, joinHonest, Outsider } from './attack-scene.js'
import { type HostileRelay, makeHostile } from './hostile-relay.js'
import { type Node, World } from './world.js'

/** Topics of private torrents. The attacker knows them because it was a member once. */
const PRIVATE = ['cd'.repeat(20), 'ce'.repeat(20)] as const
/** The topic of a torrent that turns out to be private when its metadata arrives. */
const MAGNET = 'ef'.repeat(20)
const SECRETS: readonly Id[] = PRIVATE

/** Two honest members that share private torrents, and a public torrent with an attacker that is connected to both. */
interface PrivateScene extends Scene {
  world: World
  honest: Node[]
  eve: Node
  relay: HostileRelay
  tap: ControlTap
  outsider: Outsider
  /** The hashes of the private topics on this connection, as either side computes them. */
  namesOn: (line: TappedLine) => string[]
}

async function open(chance: Chance): Promise<PrivateScene> {
  const world = new World({ seed: chance.below(1_000) + 1, hubs: [{}], buses: [{}] })
  const { env } = world
  const honest = [await joinHonest(world, 0), await joinHonest(world, 1)]
  const eve = await joinHonest(world, 2)
  const tap = new ControlTap(eve.engine)
  await env.advance(0)
  const relay = await makeHostile(eve)
  // The tracker of the private torrents. The attacker does not use it.
  const hub = new FakeHub(env, { name: 'private' })
  const clients = new Map<Node, FakeSignaling>()
  const joinPrivate = (node: Node, topic: Id) => {
    const client = clients.get(node) ?? hub.client()
    clients.set(node, client)
    const swarm = node.also(topic, { isolated: true })
    for (const { name } of node.clients) void swarm.detach(name)
    swarm.attach(client)
    return swarm
  }
  const magnets = honest.map(node => node.also(MAGNET))
  const secrets = honest.flatMap(node => PRIVATE.map(topic => joinPrivate(node, topic)))
  const eves = [...PRIVATE, MAGNET].map(topic => eve.also(topic))
  await env.until(() => areConnected([...honest, eve]), 20_000)
  await env.until(() => secrets.every(({ peers }) => peers.length === 1), 20_000)
  await env.until(() => magnets.every(({ peers }) => peers.length > 0), 20_000)
  for (const magnet of magnets) magnet.isolate()
  await env.advance(5_000)
  const acquainted = magnets.flatMap(({ peers }) => peers)
  const losses = countLosses(honest)
  const lost = secrets.map(swarm => lossesOf(swarm))
  let leaks = 0
  relay.plot = (_from, message) => {
    if (SECRETS.includes(message.topic)) leaks++
    return false
  }
  let [heard, written] = [tap.lines.map(line => line.heard.length), world.bus.heard.length]
  const outsider = new Outsider(world)
  const honestIds = new Set(honest.map(({ announceId }) => announceId))
  const known = new Map<TappedLine, string[]>()
  const namesOn = (line: TappedLine) => {
    const names = known.get(line) ?? namesOf(line, world)
    known.set(line, names)
    return names
  }
  return {
    env,
    namesOn,
    world,
    honest,
    eve,
    relay,
    tap,
    outsider,
    check() {
      expect([losses(), ...lost.map(count => count())], 'lost connections').toEqual([0, ...lost.map(() => 0)])
      for (const swarm of secrets)
        expect(
          swarm.peers.filter(({ remote }) => !honestIds.has(remote.announceId)),
          'strangers',
        ).toEqual([])
      for (const magnet of magnets)
        expect(
          magnet.peers.filter(peer => !acquainted.includes(peer)),
          'strangers of the torrent that proved private',
        ).toEqual([])
      expect(
        eves.slice(0, PRIVATE.length).flatMap(({ peers }) => peers),
        'peers of the attacker',
      ).toEqual([])
      const names = new Set(tap.lines.flatMap(line => namesOn(line)))
      const shown = tap.lines.flatMap((line, nth) =>
        line.heard.slice(heard[nth] ?? 0).flatMap(frame => (frame.type === 'topics' ? frame.hashes : [])),
      )
      expect(
        shown.filter(name => names.has(name)),
        'names of private topics',
      ).toEqual([])
      const said = world.bus.heard.slice(written).filter(({ namespace, message }) => {
        return SECRETS.includes(namespace[1] ?? '') && honestIds.has(message?.from) && message?.forged !== true
      })
      expect([leaks, said], 'messages about private topics').toEqual([0, []])
      ;[heard, written] = [tap.lines.map(line => line.heard.length), world.bus.heard.length]
    },
    async end() {
      outsider.hangUp()
      const newcomer = await joinHonest(world, 3)
      const secret = joinPrivate(newcomer, PRIVATE[0])
      await env.until(() => areConnected([...honest, newcomer]) && secret.peers.length === honest.length, 30_000)
      await world.closeAll()
      for (const client of clients.values()) client.close()
      await expectNothingLeft(world)
    },
  }
}

function lossesOf(swarm: Swarm): () => number {
  let count = 0
  swarm.on('lost', () => count++)
  return () => count
}

function namesOf({ connection }: TappedLine, world: World): string[] {
  const others = world.nodes.flatMap(({ engine }) => engine.alive.filter(({ state }) => state === 'connected'))
  return others.flatMap(other => {
    const pairs = [
      [connection, other],
      [other, connection],
    ] as const
    return pairs.flatMap(([offerer, answerer]) =>
      SECRETS.flatMap(topic => ['offerer', 'answerer'].map(by => nameOf(topic, by, offerer.fingerprint, answerer.fingerprint))),
    )
  })
}

/** Computes the topic hash like `PeerSession`: both ends know both certificates. */
function nameOf(topic: Id, by: string, offerer: string, answerer: string): string {
  const secret = sha256(
    concatBytes(utf8.encode('swarmlink topics in common'), utf8.encode(`sha-256 ${offerer}\nsha-256 ${answerer}`)),
  )
  return toHex(hmacSha256(secret, concatBytes(utf8.encode(by), idBytes(topic))).subarray(0, HASH_BYTES))
}

const member = ({ honest }: PrivateScene, chance: Chance) => chance.pick(honest)
const topicOf = (chance: Chance) => chance.pick(SECRETS)
const names = (scene: PrivateScene, line: TappedLine) => scene.namesOn(line)

/** A message of peer exchange about a private topic. */
function peerExchange(scene: PrivateScene, chance: Chance): ExchangeFrame {
  const topic = chance.pick([...SECRETS, MAGNET])
  const peer = chance.pick([...scene.honest, scene.eve]).announceId
  const offerId = chance.id()
  const body = chance.bytes(chance.below(200))
  return chance.pick<() => ExchangeFrame>([
    () => ({ type: 'query', topic, want: 50, filter: chance.bytes(20) }),
    () => ({ type: 'members', topic, members: [peer, scene.eve.announceId, chance.id()] }),
    () => ({
      type: 'forward',
      topic,
      peer,
      payload: { kind: chance.pick(['offer', 'answer', 'candidate', 'refusal']), offerId, body },
    }),
    () => ({
      type: 'forwarded',
      topic,
      peer,
      payload: { kind: chance.pick(['offer', 'answer', 'candidate', 'refusal']), offerId, body },
    }),
    () => ({ type: chance.pick(['forward', 'forwarded']), topic, peer, payload: { kind: 'dial-request' } }),
    () => ({ type: chance.pick(['forward', 'forwarded']), topic, peer, payload: { kind: 'repair', body } }),
    () => ({ type: 'unreachable', topic, peer, offerId }),
  ])()
}

const surface: Surface<PrivateScene> = {
  name: 'private torrents',
  open,
  moves: {
    'writes about private topics in peer exchange'(scene, chance) {
      for (let i = 0; i < 1 + chance.below(4); i++)
        scene.relay.says(member(scene, chance).announceId, peerExchange(scene, chance))
    },
    'writes damaged frames about private topics'(scene, chance) {
      scene.relay.writes(member(scene, chance).announceId, chance.spoil(encode(peerExchange(scene, chance))))
    },
    async 'delivers an offer for a private topic, well signed'(scene, chance) {
      const { eve, outsider } = scene
      const { announceId, runtime } = eve
      const topic = topicOf(chance)
      const victim = member(scene, chance)
      const forgery = { identity: runtime.identity, announceId, topic, to: victim.announceId, isolated: chance.flip() }
      const { offerId, sdp } = await outsider.dead(forgery, chance)
      const payload = { kind: 'offer', offerId, body: utf8.encode(sdp.text) } as const
      scene.relay.says(victim.announceId, { type: 'forwarded', topic, peer: announceId, payload })
    },
    'shows private topics on its connections'(scene, chance) {
      const line = chance.pick(scene.tap.lines)
      sayFrame(scene.tap, line, { type: 'topics', hashes: names(scene, line) })
      if (chance.flip()) sayFrame(scene.tap, line, { type: 'gone', hashes: names(scene, line) })
    },
    'opens private topics on its connections'(scene, chance) {
      const line = chance.pick(scene.tap.lines)
      if (line.connection.state !== 'connected') return
      const name = chance.pick(names(scene, line))
      for (const kind of ['wire', 'messages']) line.connection.createChannel(`swarmlink:${kind}:${name}`)
    },
    'claims that messages of a private topic are closed'(scene, chance) {
      const line = chance.pick(scene.tap.lines)
      sayFrame(scene.tap, line, { type: 'silent', hash: chance.pick(names(scene, line)) })
    },
    'announces private topics on a bus'(scene, chance) {
      const topic = topicOf(chance)
      const from = chance.pick([scene.eve, ...scene.honest]).announceId
      scene.world.bus.write(broadcast(topic), { kind: 'announce', from, started: true, want: 50, forged: true })
      if (chance.flip()) scene.world.bus.write(broadcast(topic), { kind: 'leave', from, forged: true })
    },
    async 'dials under a private topic on a bus'(scene, chance) {
      const topic = topicOf(chance)
      const { announceId, runtime } = scene.eve
      const victim = member(scene, chance).announceId
      const { offerId, sdp } = await scene.outsider.dead({ identity: runtime.identity, announceId, topic, to: victim }, chance)
      const about = { from: announceId, offerId, forged: true }
      scene.world.bus.write(direct(topic, victim), { kind: 'here', ...about })
      scene.world.bus.write(direct(topic, victim), { kind: 'offer', ...about, sdp: sdp.text })
      scene.world.bus.write(direct(topic, victim), { kind: 'refusal', ...about, from: member(scene, chance).announceId })
    },
    async 'offers under a private topic at a tracker of the public one'(scene, chance) {
      const topic = topicOf(chance)
      const { announceId, runtime } = scene.eve
      const offer = await scene.outsider.alive({ identity: runtime.identity, announceId, topic }, chance)
      scene.outsider.tell(member(scene, chance), offer, topic)
    },
    'closes its connections': ({ outsider }) => outsider.hangUp(),
  },
}

describe('private torrents', () => {
  test('are not discovered, announced or connected by peer exchange, shared connections or a bus [X2]', async () => {
    await expectSurvival(surface, inject('attacks'))
  })
})
