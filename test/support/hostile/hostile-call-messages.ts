/** Messages of calls that a hostile client of the bus sends: malformed, forged, changed and recorded ones. The same seed gives the same messages. */
import type { BusMessage, Emitted } from '../fakes/call-world.js'
import { mediaSamples } from '../media-sdp-samples.js'
import type { VirtualEnv } from '../fakes/virtual-env.js'

export const TYPES = ['invoke', 'offer', 'answer', 'candidate', 'sync', 'dispose', 'want', 'received', 'beat'] as const
export type MessageType = (typeof TYPES)[number]

export interface HostileMessage {
  namespace: readonly string[]
  message: unknown
}

export interface Scene {
  env: VirtualEnv
  /** Ids of the ends that are attacked. */
  ids: string[]
  /** The namespaces that they listen to. */
  namespaces: Array<readonly string[]>
  /** What they have emitted. */
  recorded: Emitted[]
}

const CANDIDATE = { candidate: 'candidate:1 1 udp 1 192.0.2.66 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }

export function hostileMessage(type: MessageType, scene: Scene): HostileMessage {
  const { env, ids, namespaces, recorded } = scene
  const pick = <T>(list: readonly T[]): T => list[Math.floor(env.random() * list.length)]!
  const namespace = pick(namespaces)
  const genuine = recorded.filter(({ message }) => message.type === type)
  const kind = env.random()
  if (kind < 0.25 && genuine.length > 0) {
    const { namespace: own, message } = pick(genuine)
    // Recorded: under its own namespace, or under another.
    return { namespace: env.random() < 0.7 ? own : namespace, message }
  }
  if (kind < 0.45 && genuine.length > 0) {
    const { namespace: own, message } = pick(genuine)
    return { namespace: own, message: changed(message, env, pick) }
  }
  const id = pick([...ids, ...ids, `stranger ${Math.floor(env.random() * 50)}`, 'f'.repeat(40)])
  const plausible = { type, id, ...pick([{}, { swarmlink: 1 }]), ...bodyOf(type, recorded, env, pick) }
  if (kind < 0.75) return { namespace, message: plausible }
  return { namespace, message: malformed(plausible, env, pick) }
}

type Pick = <T>(list: readonly T[]) => T

function bodyOf(type: MessageType, recorded: Emitted[], env: VirtualEnv, pick: Pick): object {
  const attempts = recorded.filter(({ message }) => message['session'] !== undefined).map(({ message }) => message)
  const real = attempts.length > 0 ? pick(attempts) : ({} as BusMessage)
  const attempt = pick<object>([
    {},
    { session: real['session'], attempt: real['attempt'] },
    { session: real['session'], attempt: 2 ** 40 },
    { session: 'ab'.repeat(8), attempt: 1 },
  ])
  const real2 = recorded
    .filter(({ message }) => message.type === 'offer' || message.type === 'answer')
    .map(({ message }) => (message['offer'] ?? message['answer']) as { sdp: string })
  const sdp = pick([...mediaSamples.flatMap(({ offer, answer }) => [offer, answer]), ...real2.map(text => text.sdp), ''])
  switch (type) {
    case 'invoke':
      return { credentials: pick<unknown>([undefined, 'wrong', { a: 1 }]), again: pick([undefined, 'restart', 'renew', 'x']) }
    case 'offer':
    case 'answer':
      return { [type]: { type, sdp }, state: 'forged', enabled: { audio: false, video: false }, revision: 2 ** 40, ...attempt }
    case 'candidate':
      return {
        ...pick<object>([
          { candidate: CANDIDATE },
          { candidates: Array.from({ length: Math.floor(env.random() * 25) }, () => CANDIDATE) },
        ]),
        ...attempt,
      }
    case 'sync':
      return { state: 'forged', enabled: { audio: false, video: false }, revision: 2 ** 40 }
    case 'dispose':
      return { reason: pick(['left', 'full', 'lost', undefined]), ...attempt }
    case 'want':
      return { demand: 'off' }
    case 'received':
      return { count: pick([0, 5, 2 ** 50, -1]) }
    case 'beat':
      return {}
  }
}

/** A genuine message with one field changed; its signature is that of the original. */
function changed(message: BusMessage, env: VirtualEnv, pick: Pick): BusMessage {
  const copy: BusMessage = structuredClone(message)
  const name = pick(Object.keys(copy))
  const other = pick<unknown>([undefined, null, 0, 1, 2 ** 50, '', 'x', {}, [], 'f'.repeat(40)])
  if (env.random() < 0.2) copy['added'] = other
  else copy[name] = other
  return copy
}

function malformed(message: Record<string, unknown>, env: VirtualEnv, pick: Pick): unknown {
  const names = Object.keys(message)
  const deep = { a: { a: { a: { a: [[[[{}]]]] } } } }
  const wrong = pick<unknown>([
    undefined,
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    '',
    'x'.repeat(20_000),
    [],
    {},
    deep,
    ['x'],
    { sdp: 5, type: 'offer' },
    JSON.parse('{"__proto__":{"polluted":1}}'),
  ])
  if (env.random() < 0.1) return wrong
  return {
    ...message,
    [pick(names)]: wrong,
    ...(env.random() < 0.5 && { [pick([...names, 'key', 'signature', 'metadata', 'participant', 'swarmlink'])]: wrong }),
  }
}
