/**
 * Puts another path under a connection that lost its own: ICE restarts, told on the connection itself and through other peers. Knows
 * nothing of topics, nor of who passes its words on.
 */
import { decodeControl, encodeControl, KEY_BYTES, type ControlFrame, type RestartFrame } from '../channel/control-wire.js'
import { concatBytes, sha256, toHex } from '../core/bytes.js'
import type { Env, Timer } from '../core/env.js'
import { ProtocolError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { parseSdp } from '../core/sdp.js'
import type { Role } from '../peer/negotiation.js'
import type { RemotePeer } from '../peer/remote-peer.js'

const log = logger('repair')

/** ICE often comes back by itself. The callee waits longer: the caller's offer makes its question needless. */
const GRACE: Record<Role, number> = { caller: 1_000, callee: 1_500 }
/** For whom nobody can tell: the network may be away as a whole, and come back as it was. Engines wait no longer either. */
const PATIENCE = 30_000
/** For whom somebody could tell. They can also introduce us anew, which takes less than a second. */
const TOLD_PATIENCE = 10_000
/** For one last restart. */
const LAST_PATIENCE = 2_000
/** Where there is a path a restart takes less than a second. */
const AGAIN = 4_000
/** A remote has us gather anew no more often than this. */
const GAP = 1_000
/** Offers that were held up come together, and only the last is good. */
const SETTLE = 20
const SEAL_BYTES = 16

export interface RepairParts {
  env: Env
  peer: RemotePeer
  role: Role
  /** On the connection itself, which may deliver it when it stands again. */
  say: (frame: RestartFrame) => void
  /** Through peers that may be connected to both of us. False when there are none. */
  pass: (message: Uint8Array) => boolean
}

/**
 * The caller begins restarts, the callee asks for them, each as soon as it notices and until the path is back. The peer gives up by
 * itself when it is told how long that may take.
 *
 * Whoever passes words on could change candidates as it liked, restart what is well, or use up the numbers: so what goes through others
 * is sealed with a key that was told on the connection. The fingerprint has to be the one that was negotiated in any case.
 */
export class Repair {
  readonly #parts: RepairParts
  #key: Uint8Array | undefined
  /** Of the remote's certificate. */
  #fingerprint: string | undefined
  /** While the peer is unwell: when it is given up. */
  #until = 0
  /** The next try. */
  #next: Timer | undefined
  /** What we began last, and when; what the remote began last. */
  #begun = 0
  #begunAt = Number.NEGATIVE_INFINITY
  #heard = 0
  /** Which restart waits for its answer. */
  #awaited: number | undefined
  /** The latest offer, until its answer is due. */
  #offered: { number: number; offer: string } | undefined
  #answer: Timer | undefined
  #answeredAt = Number.NEGATIVE_INFINITY

  constructor(parts: RepairParts) {
    this.#parts = parts
    parts.peer.on('unwell', () => {
      if (!parts.peer.canRestart) return
      this.#until = Number.POSITIVE_INFINITY
      this.#giveUpAfter(PATIENCE)
      this.#wait(GRACE[parts.role])
    })
    parts.peer.on('well', () => this.#rest())
    parts.peer.on('close', () => {
      this.#rest()
      this.#answer?.cancel()
    })
  }

  /** What the remote's descriptions have to say of its certificate. */
  bind(fingerprint: string): void {
    this.#fingerprint = fingerprint
  }

  /** Others may pass words on. The callee tells the key, and again on each control channel: the last one may have been lost with it. */
  tellKey(): void {
    const { env, peer, role, say } = this.#parts
    if (role !== 'callee' || !peer.canRestart) return
    this.#key ??= env.randomBytes(KEY_BYTES)
    say({ type: 'repair-key', key: this.#key })
  }

  /** Now, or in a moment when the last time was just before. */
  begin(): void {
    const { env, peer, role } = this.#parts
    this.#rest()
    if (!peer.canRestart) return
    const early = this.#begunAt + GAP - env.now()
    if (early > 0) return this.#wait(early)
    this.#begunAt = env.now()
    if (!peer.isWell) this.#wait(AGAIN)
    if (role === 'caller') void this.#restart(++this.#begun)
    else this.#tell({ type: 'restart-please', number: ++this.#begun })
  }

  /** We or the remote can be met in another way: what is not back soon is given up. */
  hurry(): void {
    this.#giveUpAfter(LAST_PATIENCE)
  }

  /** The remote says this on the connection itself. */
  heard(frame: ControlFrame): void {
    if (this.#parts.role === 'caller') {
      if (frame.type === 'repair-key') this.#key ??= frame.key
      else if (frame.type === 'restart-please' && this.#isNew(frame.number)) this.begin()
      else if (frame.type === 'restarted') void this.#accept(frame.number, frame.answer)
    } else if (frame.type === 'restart' && this.#isNew(frame.number)) {
      this.#offered = frame
      const { env } = this.#parts
      const ms = Math.max(SETTLE, this.#answeredAt + GAP - env.now())
      this.#answer ??= env.timer(ms, () => void this.#reply())
    }
  }

  /** Somebody passed this on, or made it up. */
  passed(message: Uint8Array): void {
    const bytes = message.slice(SEAL_BYTES)
    if (this.#key === undefined || toHex(seal(this.#key, bytes)) !== toHex(message.subarray(0, SEAL_BYTES)))
      return log('dropped what somebody passed on without a seal')
    try {
      for (const frame of decodeControl(bytes)) this.heard(frame)
    } catch (error) {
      log('dropped what a peer had passed on: %s', error)
    }
  }

  /** Or sooner, if that was said before. */
  #giveUpAfter(ms: number): void {
    const { env, peer } = this.#parts
    const until = env.now() + ms
    if (until >= this.#until) return
    this.#until = until
    peer.bear(ms)
  }

  #wait(ms: number): void {
    this.#rest()
    this.#next = this.#parts.env.timer(ms, () => this.begin())
  }

  #rest(): void {
    this.#next?.cancel()
    this.#next = undefined
  }

  /** Words that come late, or by a second way, are none. */
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
    this.#answeredAt = this.#parts.env.now()
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

  /** What fails is tried again as long as the peer is unwell. */
  async #attempt(step: (peer: RemotePeer) => Promise<void>): Promise<void> {
    const { peer } = this.#parts
    try {
      await step(peer)
    } catch (error) {
      log('%s: %s', peer.remote.announceId.slice(0, 8), error)
    }
  }

  /** The description as the engine may see it. */
  #check(sdp: string): string {
    const { fingerprint, text } = parseSdp(sdp)
    if (fingerprint === this.#fingerprint) return text
    throw new ProtocolError('ERR_IDENTITY', 'a restart has the certificate of somebody else')
  }

  /** By both ways, also an answer: one direction of a path may be lost alone. */
  #tell(frame: RestartFrame): void {
    const { say, pass } = this.#parts
    say(frame)
    if (this.#key === undefined) return
    const bytes = encodeControl(frame)
    if (pass(concatBytes(seal(this.#key, bytes), bytes))) this.#giveUpAfter(TOLD_PATIENCE)
  }
}

/** Half of a hash can be made no longer by whoever lacks the key. */
function seal(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return sha256(concatBytes(key, bytes)).subarray(0, SEAL_BYTES)
}
