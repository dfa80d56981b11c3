/** `node-datachannel`: libdatachannel for Node, through its W3C-shaped face. The fastest engine for data. */
import type { Env, Timer } from '../core/env.js'
import type { Engine } from './engine.js'
import { holdPolyfills } from './polyfill-hold.js'
import type { Probed } from './quirks.js'
import type { RtcConnection, WebRtcImplementation } from './rtc.js'
import { hasKnockedHere, takeOfferOfThisMachine } from './this-machine.js'
import { TurnGuard } from './turn-guard.js'
import { engineWith } from './w3c-engine.js'

/**
 * How often to look whether the library is still there. Anybody in the process can shut it down for all, which closes
 * our connections without an event; a sender notices at once, one that only listens would wait for ever.
 */
const PROBE_INTERVAL = 1000

/** The candidate pair as node-datachannel's polyfill and webrtc-polyfill, which stands on the same library, show it. */
interface PairSource {
  selectedCandidatePair?(): { remote: { address: string; port: number } } | null
  getSelectedCandidatePair?(): { remote: { address: string; port: number } } | null
}

/** Both faces of the library have a method that the W3C's text does not know. */
export function isNodeDatachannel({ RTCPeerConnection }: WebRtcImplementation): boolean {
  const prototype: unknown = RTCPeerConnection.prototype
  if (typeof prototype !== 'object' || prototype === null) return false
  return 'selectedCandidatePair' in prototype || 'getSelectedCandidatePair' in prototype
}

export function nodeDatachannelEngine({ RTCPeerConnection }: Pick<WebRtcImplementation, 'RTCPeerConnection'>): Engine {
  void holdPolyfills()
  const guard = new Guard()
  return engineWith({
    name: 'node-datachannel',
    open: config => new RTCPeerConnection({ ...config, iceServers: (config.iceServers ?? []).map(escapeCredentials) }),
    // The polyfill closes a channel one turn later. Closed after it, the connection takes the news along; closed before,
    // it leaves a browser at the other end waiting for 15 s.
    close: connection => inTurns(2, () => connection.close()),
    opensTwice: true,
    takeOffer: takeOfferOfThisMachine,
    hasKnocked: hasKnockedHere,
    // A transport that failed between two steps of the same call: seen twice in 1 230 pairs.
    retryAnswer: error => error.message.includes('without ICE transport'),
    // Windows' getaddrinfo may refuse an IPv6 address on a machine that has none; there the relay takes its chances.
    ...(process.platform !== 'win32' && { guardTurn: config => TurnGuard.for(config) }),
    remoteAddress,
    guard: (connection, env) => guard.add(connection, env),
  })
}

function inTurns(turns: number, call: () => void): void {
  setImmediate(() => (turns > 1 ? inTurns(turns - 1, call) : call()))
}

/** The polyfill pastes them into a URL, where the library decodes them: a colon or an at sign would end them early. */
function escapeCredentials(server: RTCIceServer): RTCIceServer {
  const { username, credential } = server
  if (username === undefined || credential === undefined) return server
  return { ...server, username: encodeURIComponent(username), credential: encodeURIComponent(credential) }
}

function remoteAddress(connection: RtcConnection): { address: string; port: number } | undefined {
  const source: PairSource = connection as RtcConnection & PairSource // the engine's own extension
  const pair = source.selectedCandidatePair?.() ?? source.getSelectedCandidatePair?.()
  return pair ? { address: pair.remote.address, port: pair.remote.port } : undefined
}

/** Looks whether the library is still alive while connections of swarmlink live. */
class Guard {
  readonly #live = new Set<Probed>()
  #timer: Timer | undefined

  add(connection: Probed, env: Env): () => void {
    this.#live.add(connection)
    this.#timer ??= env.timer(PROBE_INTERVAL, () => this.#look(env))
    return () => {
      this.#live.delete(connection)
      if (this.#live.size > 0) return
      this.#timer?.cancel()
      this.#timer = undefined
    }
  }

  #look(env: Env): void {
    this.#timer = env.timer(PROBE_INTERVAL, () => this.#look(env))
    // The library dies as a whole, so one connection tells for all of them.
    const [first] = this.#live
    first?.probe()
    if (first !== undefined && !this.#live.has(first)) for (const connection of this.#live) connection.probe()
  }
}
