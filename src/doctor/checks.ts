/** The checks that need no server: Node, WebRTC, a local connection, data, identity. */
import type { EngineChannel } from '../engine/engine.js'
import { createIdentity, verifySignature } from '../identity/key-pair.js'
import { engineOf, seconds, CheckFailure, type Context, type Outcome } from './finding.js'
import { withPair } from './pair.js'
import { commandToAdd, type Place } from './place.js'
import { satisfies } from './versions.js'

/** In bytes. Every engine accepts a message of this size from every other engine. */
const TRIAL_BYTES = 64 * 1024

export async function checkNode({ node: { version, needed }, place }: Context): Promise<Outcome> {
  const facts = { version, needed, runtime: place.runtime, runtimeVersion: place.version, packageManager: place.manager }
  const says =
    place.runtime === 'Node' ? version : `this is ${place.runtime} ${place.version}, with the interfaces of Node ${version}`
  if (satisfies(version, needed)) return { verdict: 'works', says, facts }
  return { verdict: 'fails', says: `${version} is too old`, advice: `swarmlink needs ${needed}`, facts }
}

export async function checkWebRtc({ engines: { used, found }, place }: Context): Promise<Outcome> {
  const says = found.map(({ name, version, loads, obstacle }) => {
    const title = version === undefined ? name : `${name} ${version}`
    if (obstacle !== undefined && version !== undefined) return `${title} must not be loaded in this thread`
    if (loads) return `${title} loads`
    return version === undefined ? `${name} is not installed` : `${title} cannot be loaded on this platform`
  })
  const facts = { used: used?.name, found }
  if (used !== undefined) return { verdict: 'works', says: `${used.name} is used in the main thread (${says.join(', ')})`, facts }
  return {
    verdict: 'fails',
    says: `there is none here (${says.join(', ')})`,
    advice:
      found.find(({ obstacle }) => obstacle !== undefined)?.obstacle ??
      `Install node-datachannel (${commandToAdd(place, nodeDatachannel(place))}), or @roamhq/wrtc if that has no binary for this platform`,
    facts,
  }
}

/** The version that the application should have, too. */
function nodeDatachannel({ pins }: Place): string {
  const name = 'node-datachannel'
  return pins[name] === undefined ? name : `${name}@${pins[name]}`
}

export async function checkConnection(context: Context): Promise<Outcome> {
  const began = context.env.now()
  return withLocalPair(context, () => {
    const ms = Math.round(context.env.now() - began)
    return { verdict: 'works', says: `two ends in this process were connected after ${ms} ms`, facts: { ms } }
  })
}

export async function checkData(context: Context): Promise<Outcome> {
  const { env } = context
  return withLocalPair(context, async (here, there) => {
    const sent = env.randomBytes(TRIAL_BYTES)
    there.on('message', message => there.send(message))
    const began = env.now()
    const back = await new Promise<string | Uint8Array>(resolve => {
      here.on('message', resolve)
      here.send(sent)
    })
    const ms = Math.round(env.now() - began)
    const same = typeof back !== 'string' && back.length === sent.length && back.every((byte, index) => byte === sent[index])
    if (!same) throw new CheckFailure('the received data differs from the sent data', 'Try the other WebRTC engine')
    return {
      verdict: 'works',
      says: `${TRIAL_BYTES / 1024} KiB went there and back in ${ms} ms`,
      facts: { bytes: TRIAL_BYTES, ms },
    }
  })
}

async function withLocalPair(
  { engines, env, timeout }: Context,
  use: (here: EngineChannel, there: EngineChannel) => Promise<Outcome> | Outcome,
): Promise<Outcome> {
  const engine = engineOf(engines)
  const options = {
    env,
    timeout,
    rtcConfig: {},
    gathered(description: string) {
      if (!description.includes('a=candidate:'))
        throw new CheckFailure('this machine has a loopback address only', 'Bring a network interface up')
    },
    late: () => {
      const why = `two ends in this process were not done within ${seconds(timeout)}`
      return new CheckFailure(why, 'Check the firewall and the load of this machine')
    },
  }
  return withPair(engine, options, use)
}

export async function checkIdentity({ env }: Context): Promise<Outcome> {
  const { key } = await createIdentity({ env })
  const message = Uint8Array.from(env.randomBytes(32))
  const holds = key && (await verifySignature(key.publicKey, await key.sign(message), message))
  if (holds === true) return { verdict: 'works', says: 'WebCrypto has Ed25519: this peer can prove its identity' }
  return {
    verdict: 'fails',
    says: 'WebCrypto has no Ed25519: other peers treat this peer as unverified',
    advice: 'Use a build of Node whose OpenSSL has Ed25519',
  }
}
