/** The wires of one torrent: hands each peer to WebTorrent as a stream, and watches over it. Loaded with the first torrent. */
import { TorrentStream } from '../channel/torrent-stream.js'
import { withDeadline } from '../core/env.js'
import { asError, reasonOf, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { Swarm } from '../swarm/swarm.js'
import type { TorrentSwarmEvents, TorrentSwarmOptions } from './torrent-swarm.js'
import type { Wire } from './webtorrent.js'

const log = logger('torrent')

/** Timeout for an engine's remote address of a peer, which most engines know at once. */
const ADDRESS_TIMEOUT = 1_000
/** The other side may see its second wire to this client first: our end of that wire follows when its handshake arrives. */
const TWIN_GRACE = 2_000

/** Emits an event of the {@link TorrentSwarm}. */
type Tell = <Name extends keyof TorrentSwarmEvents>(name: Name, ...args: TorrentSwarmEvents[Name]) => void

export class Wires {
  readonly #swarm: Swarm
  readonly #options: TorrentSwarmOptions
  readonly #tell: Tell
  readonly #streams = new Map<TopicPeer, TorrentStream>()
  #count = 0

  constructor(swarm: Swarm, options: TorrentSwarmOptions, tell: Tell) {
    this.#swarm = swarm
    this.#options = options
    this.#tell = tell
  }

  async add(peer: TopicPeer): Promise<void> {
    const { runtime, torrent, infoHash } = this.#options
    // Only for block lists and display: a wire waits at most ADDRESS_TIMEOUT for it, and does without it then.
    const known = peer.connection.remoteAddress()
    const address = await withDeadline(runtime.env, known, ADDRESS_TIMEOUT, () => new Error('late')).catch(() => undefined)
    if (peer.first === undefined || peer.state !== 'open') return
    const stream = new TorrentStream(peer.first, {
      env: runtime.env,
      id: `${peer.remote.announceId}#${++this.#count}`,
      remoteAddress: address?.address,
      remotePort: address?.port,
      maxMessageSize: peer.connection.maxMessageSize,
    })
    this.#streams.set(peer, stream)
    stream.on('error', error => {
      log('%s: wire: %s', infoHash.slice(0, 8), reasonOf(error))
      if (isFlood(error)) this.#swarm.avoid(peer) // or the next wire would be flooded, too
    })
    stream.on('close', () => {
      this.#streams.delete(peer)
      this.#ended(peer, stream)
    })
    try {
      if (torrent.addPeer(stream, 'tracker')) return
      // The address is on the block list, or the torrent was just paused.
      if (!torrent.paused) this.#swarm.avoid(peer)
    } catch (error) {
      this.#tell('warning', asError(error, 'ERR_CLOSED', 'WebTorrent refused a peer'))
    }
    peer.destroy()
  }

  /** WebTorrent completed a handshake, with a peer of this swarm or with one that it found itself. */
  opened(wire: Wire): void {
    const own = [...this.#streams].filter(([, stream]) => stream.bitTorrentId === wire.peerId)
    const [peer] = own[0] ?? []
    if (wire.type === 'webrtc' && peer !== undefined) {
      this.#swarm.wired(peer)
      this.#tell('wire', wire)
    }
    // Connected over TCP and WebRTC: only the higher BitTorrent id closes one, or both might close.
    if (this.#isElsewhere(wire.peerId) && this.#options.bitTorrentId > wire.peerId) for (const [, stream] of own) stream.destroy()
  }

  /** The wire closed. Closes the connection too, except to a swarmlink peer with another wire that is not WebRTC: its messages go on. */
  #ended(peer: TopicPeer, { bitTorrentId, closedByRemote }: TorrentStream): void {
    if (peer.state !== 'open' || !peer.remote.isSwarmlink) return peer.destroy()
    if (this.#isElsewhere(bitTorrentId)) return
    if (!closedByRemote) return peer.destroy() // WebTorrent closed it, for example after a timeout: the next wire may follow at once
    const grace = this.#options.runtime.env.timer(TWIN_GRACE, () => {
      if (!this.#isElsewhere(bitTorrentId)) peer.destroy()
    })
    peer.on('close', () => grace.cancel())
  }

  /** Whether WebTorrent has a wire to this BitTorrent peer that is not WebRTC. */
  #isElsewhere(bitTorrentId: string | undefined): boolean {
    return this.#options.torrent.wires.some(wire => wire.peerId === bitTorrentId && wire.type !== 'webrtc')
  }
}

/** The stream closed itself because the remote flooded it. */
function isFlood(error: unknown): boolean {
  return error instanceof SwarmlinkError && error.code === 'ERR_BAD_FRAME'
}
