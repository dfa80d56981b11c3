/**
 * Finds a new path for a connection that lost its path: ICE restarts, signalled on the connection itself and, sealed, through other peers.
 * Knows nothing of topics, nor of the peers that forward its messages.
 */
import { decodeControl, encodeControl, KEY_BYTES, type ControlFrame, type RestartFrame } from '../../channel/control/codec.js'
import { concatBytes, hmacSha256, toHex } from '../../core/bytes.js'
import type { Env, Timer } from '../../core/env.js'
import { ProtocolError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { parseSdp } from '../../core/sdp.js'
import type { Role } from '../../peer/negotiation.js'
import type { RemotePeer } from '../../peer/remote-peer.js'

const log = logger('repair')

/** How long a path may be lost before a restart: ICE often recovers by itself. The answerer waits longer, because the offerer makes the offer. */
const GRACE: Record<Role, number> = { offerer: 1_000, answerer: 1_500 }
/** How long a lost path may be away: the whole network may be down and return. Engines give up after the same time. */
const GIVE_UP = 30_000
/** The same once a third peer forwarded the restart: peer exchange can then connect the peers anew in less than a second. */
const FORWARDED_GIVE_UP = 10_000
/** The same when the remote can be connected another way: enough for one last restart. */
const LAST_GIVE_UP = 2_000
/** The gap between two restarts. Where there is a path, one takes less than a second. */
const RETRY = 4_000
/** The least gap between two restarts that a remote asks for, each of which gathers candidates. */
const GAP = 1_000
/** Delayed offers arrive together, and only the last one is valid: how long to wait for it. */
const SETTLE = 20
const SEAL_BYTES = 16

export interface RepairDeps {
  env: Env
  peer: RemotePeer
  role: Role
  /** Sends on the connection itself, which may deliver the frame when its path is back. */
  say: (frame: RestartFrame) => void
  /** Sends through third peers that are connected to both sides. False when there are none. */
  forward: (message: Uint8Array) => boolean
}

/**
 * The offerer begins restarts, the answerer asks for them: each as soon as it notices, and until the path is back or the time to give up.
 *
 * A third peer could change candidates, restart a healthy connection, or use up the sequence numbers. So forwarded messages carry an HMAC under
 * a key that was sent on the connection. The fingerprint has to be the negotiated one in any case.
 */
export class Repair {
  readonly #deps: RepairDeps
  #key: Uint8Array | undefined
  /** The fingerprint of the remote's certificate. */
  #fingerprint: string | undefined
  /** While the path is lost: when the peer is given up. */
  #until = 0
  /** The next restart. */
  #next: Timer | undefined
  /** The number of our last restart, and its time; the number of the remote's last one. */
  #begun = 0
  #begunAt = Number.NEGATIVE_INFINITY
  #heard = 0
  /** The restart that waits for its answer. */
  #awaited: number | undefined
  /** The latest offer, until its answer is due. */
  #offered: { number: number; offer: string } | undefined
  #answer: Timer | undefined
  #answeredAt = Number.NEGATIVE_INFINITY

  constructor(deps: RepairDeps) {
    this.#deps = deps
    deps.peer.on('unwell', () => {
      if (!deps.peer.canRestart) return
      this.#until = Number.POSITIVE_INFINITY
      this.#giveUpAfter(GIVE_UP)
      this.#wait(GRACE[deps.role])
    })
    deps.peer.on('well', () => this.#rest())
    deps.peer.on('close', () => {
      this.#rest()
      this.#answer?.cancel()
    })
  }

  /** The fingerprint that the remote's descriptions must have. */
  bind(fingerprint: string): void {
    this.#fingerprint = fingerprint
  }

  /** Sends the key. The answerer does so on each control channel: the key may have been lost with the last one. */
  tellKey(): void {
    const { env, peer, role, say } = this.#deps
    if (role !== 'answerer' || !peer.canRestart) return
    this.#key ??= env.randomBytes(KEY_BYTES)
    say({ type: 'repair-key', key: this.#key })
  }

  /** Restarts now, or {@link GAP} after the last restart. */
  begin(): void {
    const { env, peer, role } = this.#deps
    this.#rest()
    if (!peer.canRestart) return
    const early = this.#begunAt + GAP - env.now()
    if (early > 0) return this.#wait(early)
    this.#begunAt = env.now()
    if (!peer.isWell) this.#wait(RETRY)
    if (role === 'offerer') void this.#restart(++this.#begun)
    else this.#tell({ type: 'restart-please', number: ++this.#begun })
  }

  /** The remote can be connected another way: gives up soon. */
  hurry(): void {
    this.#giveUpAfter(LAST_GIVE_UP)
  }

  /** A frame that arrived on the connection itself. */
  heard(frame: ControlFrame): void {
    if (this.#deps.role === 'offerer') {
      if (frame.type === 'repair-key') this.#key ??= frame.key
      else if (frame.type === 'restart-please' && this.#isNew(frame.number)) this.begin()
      else if (frame.type === 'restarted') void this.#accept(frame.number, frame.answer)
    } else if (frame.type === 'restart' && this.#isNew(frame.number)) {
      this.#offered = frame
      const { env } = this.#deps
      const ms = Math.max(SETTLE, this.#answeredAt + GAP - env.now())
      this.#answer ??= env.timer(ms, () => void this.#reply())
    }
  }

  /** A message that a third peer forwarded, or forged. */
  forwarded(message: Uint8Array): void {
    const bytes = message.slice(SEAL_BYTES)
    if (this.#key === undefined || toHex(seal(this.#key, bytes)) !== toHex(message.subarray(0, SEAL_BYTES)))
      return log('dropped a forwarded repair message with a bad HMAC')
    try {
      for (const frame of decodeControl(bytes)) this.heard(frame)
    } catch (error) {
      log('dropped a forwarded repair message: %s', error)
    }
  }

  /** Gives up after this time, or sooner if that was set before. */
  #giveUpAfter(ms: number): void {
    const { env, peer } = this.#deps
    const until = env.now() + ms
    if (until >= this.#until) return
    this.#until = until
    peer.bear(ms)
  }

  #wait(ms: number): void {
    this.#rest()
    this.#next = this.#deps.env.timer(ms, () => this.begin())
  }

  #rest(): void {
    this.#next?.cancel()
    this.#next = undefined
  }

  /** Ignores stale and duplicate frames: they can arrive over the connection and through a third peer. */
  #isNew(number: number): boolean {
    const isNew = number > this.#heard
    if (isNew) this.#heard = number
    return isNew
  }

  async #restart(number: number): Promise<void> {
    await this.#attempt(async peer => {
      this.#awaited = undefined
      const offer = await peer.restart()
      this.#awaited = number
      this.#tell({ type: 'restart', number, offer })
    })
  }

  async #reply(): Promise<void> {
    const offered = this.#offered
    this.#offered = undefined
    this.#answer = undefined
    this.#answeredAt = this.#deps.env.now()
    if (offered === undefined) return
    await this.#attempt(async peer => {
      const answer = await peer.answerRestart(this.#check(offered.offer))
      this.#tell({ type: 'restarted', number: offered.number, answer })
    })
  }

  async #accept(number: number, answer: string): Promise<void> {
    if (number !== this.#awaited) return
    await this.#attempt(async peer => {
      const sdp = this.#check(answer)
      this.#awaited = undefined
      await peer.acceptRestart(sdp)
    })
  }

  /** A failed step is tried again while the path is lost. */
  async #attempt(step: (peer: RemotePeer) => Promise<void>): Promise<void> {
    const { peer } = this.#deps
    try {
      await step(peer)
    } catch (error) {
      log('%s: %s', peer.remote.announceId.slice(0, 8), error)
    }
  }

  /** The description as the engine may have it. */
  #check(sdp: string): string {
    const { fingerprint, text } = parseSdp(sdp)
    if (fingerprint === this.#fingerprint) return text
    throw new ProtocolError('ERR_IDENTITY', 'refused an ICE restart: its fingerprint is not the negotiated one')
  }

  /** Sends both ways, also an answer: one direction of a path may be lost alone. */
  #tell(frame: RestartFrame): void {
    const { say, forward } = this.#deps
    say(frame)
    if (this.#key === undefined) return
    const bytes = encodeControl(frame)
    if (forward(concatBytes(seal(this.#key, bytes), bytes))) this.#giveUpAfter(FORWARDED_GIVE_UP)
  }
}

function seal(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return hmacSha256(key, bytes).subarray(0, SEAL_BYTES)
}
