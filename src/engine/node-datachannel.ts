/**
 * The engine of `node-datachannel` (libdatachannel for Node), through its W3C polyfill. The fastest engine for data.
 *
 * A connection over a TURN relay can freeze the process (0.33.4). If the remote's first DTLS flight comes before ICE is connected here, the library's
 * DTLS server handles it on one thread while it starts DTLS on another one, each with a lock that the other one waits for
 * (libdatachannel#1630, merged in August 2026). The main thread then waits for them as soon as it makes an answer. So an answerer
 * with a TURN server is the DTLS client: the offerer, whose check comes first through the relays, is connected before it. Between two symmetric NATs a
 * first flight came too early in 20 of 20 connections with the answerer as the server, and in 1 of 120 with the answerer as the client.
 */
import type { Env, Timer } from '../core/env.js'
import type { Engine } from './engine.js'
import { usesTurn } from './ice-servers.js'
import { loopbackNotices } from './loopback-notices.js'
import { watchChannels, type NativeConnection } from './native-channels.js'
import { pinPolyfills } from './pin-polyfills.js'
import type { Probed } from './quirks.js'
import type { RtcConnection, WebRtcImplementation } from './rtc.js'
import { hasKnockedHere, takeAnswerOfThisMachine, takeOfferOfThisMachine } from './this-machine.js'
import { TurnGuard } from './turn-guard.js'
import { engineWith } from './w3c-connection.js'

/**
 * Milliseconds between checks that the library still runs. Any code in the process can call its global `cleanup()`, which closes
 * all connections without an event; a sender notices at once, but a connection that only receives would stay open for ever.
 */
const PROBE_INTERVAL = 1000

/** The selected candidate pair, in node-datachannel's polyfill and in webrtc-polyfill, which uses the same library. */
interface PairSource {
  selectedCandidatePair?(): { remote: { address: string; port: number } } | null
  getSelectedCandidatePair?(): { remote: { address: string; port: number } } | null
}

/** The classes under the polyfill. */
export interface NativeClasses {
  PeerConnection: new (
    name: string,
    config: { iceServers: string[]; iceTransportPolicy?: RTCIceTransportPolicy },
  ) => NativeConnection
}

export function nodeDatachannelEngine(
  { RTCPeerConnection }: Pick<WebRtcImplementation, 'RTCPeerConnection'>,
  native?: NativeClasses,
): Engine {
  void pinPolyfills()
  const guard = new Guard()
  return engineWith({
    name: 'node-datachannel',
    open: config => {
      const configuration = { ...config, iceServers: (config.iceServers ?? []).map(escapeCredentials) }
      if (native === undefined) return new RTCPeerConnection(configuration)
      const peerConnection = openNative(native, configuration)
      try {
        return new RTCPeerConnection({ ...configuration, peerConnection } as RTCConfiguration) // an option of the polyfill
      } catch (error) {
        peerConnection.close()
        throw error
      }
    },
    // The polyfill closes a channel one turn later. If the connection closes after that, the remote peer learns of both; if it
    // closes before, a browser at the remote end waits for 15 s.
    close: connection => inTurns(2, () => connection.close()),
    opensTwice: true,
    splitOffer: takeOfferOfThisMachine,
    splitAnswer: takeAnswerOfThisMachine,
    notices: loopbackNotices,
    hasKnocked: hasKnockedHere,
    // The ICE transport failed between two steps of one call: 2 of 1 230 pairs.
    retryAnswer: error => error.message.includes('without ICE transport'),
    answersAsDtlsClient: usesTurn,
    // Not on Windows: getaddrinfo may refuse an IPv6 address on a machine without IPv6.
    ...(process.platform !== 'win32' && { guardTurn: config => TurnGuard.for(config) }),
    remoteAddress,
    guard: (connection, env) => guard.add(connection, env),
  })
}

/** As the polyfill does it. */
function openNative(
  { PeerConnection }: NativeClasses,
  { iceServers, ...config }: RTCConfiguration & { iceServers: RTCIceServer[] },
) {
  const servers = iceServers.flatMap(server => [server.urls].flat().map(url => withCredentials(url, server)))
  return watchChannels(new PeerConnection('swarmlink', { ...config, iceServers: servers }))
}

function withCredentials(url: string, { username, credential }: RTCIceServer): string {
  if (username === undefined || credential === undefined) return url
  return url.replace(':', `:${username}:${credential}@`)
}

function inTurns(turns: number, call: () => void): void {
  setImmediate(() => (turns > 1 ? inTurns(turns - 1, call) : call()))
}

/** The polyfill puts them into a URL, which the library decodes: a colon or an at sign would cut them. */
function escapeCredentials(server: RTCIceServer): RTCIceServer {
  const { username, credential } = server
  if (username === undefined || credential === undefined) return server
  return { ...server, username: encodeURIComponent(username), credential: encodeURIComponent(credential) }
}

function remoteAddress(connection: RtcConnection): { address: string; port: number } | undefined {
  const source: PairSource = connection as RtcConnection & PairSource // an extension of this engine
  const pair = source.selectedCandidatePair?.() ?? source.getSelectedCandidatePair?.()
  return pair ? { address: pair.remote.address, port: pair.remote.port } : undefined
}

/** Checks that the library still runs, while connections of swarmlink are open. */
class Guard {
  readonly #live = new Set<Probed>()
  #timer: Timer | undefined

  add(connection: Probed, env: Env): () => void {
    this.#live.add(connection)
    this.#timer ??= env.timer(PROBE_INTERVAL, () => this.#check(env))
    return () => {
      this.#live.delete(connection)
      if (this.#live.size > 0) return
      this.#timer?.cancel()
      this.#timer = undefined
    }
  }

  #check(env: Env): void {
    this.#timer = env.timer(PROBE_INTERVAL, () => this.#check(env))
    // `cleanup()` closes all connections, so checking one is enough.
    const [first] = this.#live
    first?.probe()
    if (first !== undefined && !this.#live.has(first)) for (const connection of this.#live) connection.probe()
  }
}
