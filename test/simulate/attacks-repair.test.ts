import { describe, expect, inject, test } from 'vitest'
import { type ControlFrame, encodeControl } from '../../src/channel/control/codec.js'
import { concatBytes, hmacSha256 } from '../../src/core/bytes.js'
import type { Id } from '../../src/core/id.js'
import { type Chance, expectSurvival, type Scene, type Surface } from '../support/hostile/attacks.js'
import { ControlTap } from '../support/hostile/control-tap.js'
import type { FakeConnection } from '../support/fakes/fake-engine.js'
import { areConnected, countLosses, expectNothingLeft, joinHonest } from './attack-scene.js'
import { type HostileRelay, makeHostile } from './hostile-relay.js'
import { introduce } from './introduce.js'
import { type Node, TOPIC, World } from './world.js'

const SEAL_BYTES = 16
const KEPT = 64
/** How long a client takes to notice a cut path, and to replace it. */
const NOTICED = 5_500
const REPAIRED = 8_000

interface Word {
  from: Id
  to: Id
  body: Uint8Array
}

/** Three honest members that are connected to each other and to a fourth, which forwards their repair messages. */
interface Relayed extends Scene {
  honest: Node[]
  eve: Node
  relay: HostileRelay
  tap: ControlTap
  /** Repair messages that the attacker was asked to forward. */
  words: Word[]
  /** The honest connections that the attacker may cut. */
  paths: FakeConnection[]
  isCut: boolean
  passesOn: boolean
}

async function open(chance: Chance): Promise<Relayed> {
  const world = new World({ seed: chance.below(1_000) + 1, hubs: [] })
  const [ann, bob, carl, eve] = [
    await joinHonest(world, 0),
    await joinHonest(world, 1),
    await joinHonest(world, 2),
    await joinHonest(world, 3),
  ]
  const { env } = world
  await env.advance(0)
  const tap = new ControlTap(eve.engine)
  const relay = await makeHostile(eve)
  const honest = [ann, bob, carl]
  await introduce(world, ann, bob)
  await introduce(world, carl, bob)
  await env.until(() => areConnected(honest), 20_000)
  const paths = honest.flatMap(({ engine }) => engine.alive.filter(({ state }) => state === 'connected'))
  for (const node of honest) await introduce(world, eve, node)
  await env.advance(1_000)
  const begun = countRestarts(honest)
  const losses = countLosses(honest)
  const scene: Relayed = {
    env,
    honest,
    eve,
    relay,
    tap,
    words: [],
    paths,
    isCut: false,
    passesOn: true,
    async check() {
      if (scene.isCut) {
        await env.advance(NOTICED)
        await env.until(() => paths.every(({ state }) => state === 'connected'), REPAIRED)
      }
      scene.isCut = false
      expect([losses(), areConnected(honest)], 'honest connections').toEqual([0, true])
      expect(begun.answered, 'restarts that were answered').toBeLessThanOrEqual(begun.offered)
      for (const { engine } of honest) expect(engine.alive.length, 'connections').toBeLessThanOrEqual(12)
    },
    async end() {
      const newcomer = await joinHonest(world, 4)
      await introduce(world, ann, newcomer)
      await env.until(() => areConnected([...honest, newcomer]), 20_000)
      await expectNothingLeft(world)
    },
  }
  relay.plot = (from, message) => {
    if (message.type !== 'forward' || message.payload.kind !== 'repair') return false
    scene.words.push({ from, to: message.peer, body: message.payload.body.slice() })
    if (scene.words.length > KEPT) scene.words.shift()
    return !scene.passesOn
  }
  return scene
}

/** Counts restarts on connections between members, as the engines see them: a restart that was not offered must not be answered. */
function countRestarts(nodes: readonly Node[]): { offered: number; answered: number } {
  const counts = { offered: 0, answered: 0 }
  const ends = new Set(nodes.flatMap(({ engine }) => engine.alive))
  for (const connection of ends) {
    const restart = connection.restart.bind(connection)
    const answer = connection.answerRestart.bind(connection)
    connection.restart = async () => {
      counts.offered++
      return await restart()
    }
    connection.answerRestart = async offer => {
      const answered = await answer(offer)
      counts.answered++
      return answered
    }
  }
  return counts
}

const brings = ({ relay }: Relayed, to: Id, from: Id, body: Uint8Array) => relay.brings(to, from, { kind: 'repair', body })
const member = ({ honest }: Relayed, chance: Chance) => chance.pick(honest).announceId
/** A captured repair message, or an invented one until one is captured. */
const word = (scene: Relayed, chance: Chance): Word =>
  scene.words.length > 0
    ? chance.pick(scene.words)
    : { from: member(scene, chance), to: member(scene, chance), body: chance.bytes(SEAL_BYTES + chance.below(60)) }

const sealed = (key: Uint8Array, bytes: Uint8Array) => concatBytes(hmacSha256(key, bytes).subarray(0, SEAL_BYTES), bytes)

/** Control frames that no honest member would send. */
function invented(scene: Relayed, chance: Chance): Uint8Array {
  const number = chance.pick([0, 1, 2, 7, 2 ** 31, 2 ** 32 - 1])
  const sdp = scene.eve.engine.connections.length > 0 && chance.flip() ? 'v=0\r\n' : 'x'.repeat(chance.below(2_000))
  const frames: ControlFrame[] = [
    { type: 'restart', number, offer: sdp },
    { type: 'restarted', number, answer: sdp },
    { type: 'restart-please', number },
    { type: 'repair-key', key: chance.bytes(16) },
    { type: 'bye' },
    { type: 'hello', version: 1, capabilities: 3 },
    { type: 'topics', hashes: ['00'.repeat(8)] },
    { type: 'silent' },
  ]
  return concatBytes(...Array.from({ length: 1 + chance.below(3) }, () => encodeControl(chance.pick(frames))))
}

/** Cuts at most one path at a time, so that its two ends still have another honest member in common. */
function cut(scene: Relayed, chance: Chance): void {
  if (scene.isCut) return
  scene.isCut = true
  chance.pick(scene.paths).cut()
}

const surface: Surface<Relayed> = {
  name: 'repair through third peers',
  open,
  moves: {
    'cuts a path': cut,
    'forwards repair messages, or drops them'(scene, chance) {
      scene.passesOn = chance.flip()
    },
    'replays a repair message'(scene, chance) {
      const { to, from, body } = word(scene, chance)
      brings(scene, to, from, body)
    },
    'replays all repair messages in reverse order'(scene) {
      for (const { to, from, body } of scene.words.toReversed()) brings(scene, to, from, body)
    },
    'returns a repair message to its sender'(scene, chance) {
      const { to, from, body } = word(scene, chance)
      brings(scene, from, to, body)
    },
    'delivers a repair message of another connection'(scene, chance) {
      brings(scene, member(scene, chance), member(scene, chance), word(scene, chance).body)
    },
    'delivers a repair message under a forged sender id'(scene, chance) {
      brings(scene, member(scene, chance), chance.pick([scene.eve.announceId, chance.id()]), word(scene, chance).body)
    },
    'delivers a damaged repair message'(scene, chance) {
      const { to, from, body } = word(scene, chance)
      brings(scene, to, from, chance.spoil(body))
    },
    'delivers a repair message without a seal'(scene, chance) {
      const { to, from } = word(scene, chance)
      brings(scene, to, from, chance.pick([sealed(new Uint8Array(16), invented(scene, chance)), invented(scene, chance)]))
    },
    'seals repair messages with the keys of its own connections'(scene, chance) {
      const { key } = chance.pick(scene.tap.lines)
      if (key !== undefined) brings(scene, member(scene, chance), member(scene, chance), sealed(key, invented(scene, chance)))
    },
    'has honest members forward repair messages of its own connections'(scene, chance) {
      const [via, to] = [member(scene, chance), member(scene, chance)]
      for (const { key } of scene.tap.lines)
        if (key !== undefined) {
          const body = sealed(key, invented(scene, chance))
          scene.relay.says(via, { type: 'forward', topic: TOPIC, peer: to, payload: { kind: 'repair', body } })
        }
    },
    'has an honest member forward captured repair messages'(scene, chance) {
      const { to, body } = word(scene, chance)
      scene.relay.says(member(scene, chance), { type: 'forward', topic: TOPIC, peer: to, payload: { kind: 'repair', body } })
    },
    'floods with repair messages'(scene, chance) {
      const { to, from, body } = word(scene, chance)
      for (let i = 0; i < 40; i++) brings(scene, to, from, chance.flip() ? body : chance.spoil(body))
    },
    'sends restarts on its own connections'(scene, chance) {
      const line = chance.pick(scene.tap.lines)
      scene.tap.says(line, invented(scene, chance))
    },
  },
}

describe('repair messages that a hostile peer forwards', () => {
  test('lose no connection, and answer no restart that no member began [X2]', async () => {
    await expectSurvival(surface, inject('attacks'))
  })
})
