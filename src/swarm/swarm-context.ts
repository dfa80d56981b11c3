/** What the parts of one swarm share: its topic, the client's runtime, its decisions and its counters. */
import type { Id } from '../core/id.js'
import { withAlone, withIsolated, withNote } from '../core/sdp.js'
import { signDescription, type ProofContext } from '../identity/proof.js'
import type { LocalOffer } from '../peer/offer-gatherer.js'
import { PeerRegistry } from '../peer/peer-registry.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import { ConnectionGater } from './admission/connection-gater.js'
import type { ConnectionPolicy } from './admission/connection-policy.js'
import { PeerSlots } from './admission/peer-slots.js'
import { AnnounceScheduler } from './announce/announce-scheduler.js'
import { OutstandingOffers } from './announce/outstanding-offers.js'
import { Counters } from './counters.js'
import { DialPolicy } from './dialing/dial-policy.js'
import { PauseWatch } from './pause-watch.js'
import type { Runtime } from './runtime.js'
import type { SwarmEvents, SwarmOptions } from './swarm-options.js'

export interface SwarmHost {
  /** Emits an event of the swarm. */
  tell: <Name extends keyof SwarmEvents>(name: Name, ...args: SwarmEvents[Name]) => void
  /** Every announcer looks again whether an announcement or a dial is due. */
  wake: () => void
}

export class SwarmContext<Offer = LocalOffer> {
  readonly options: SwarmOptions
  readonly topic: Id
  readonly runtime: Runtime
  readonly tell: SwarmHost['tell']
  readonly wake: SwarmHost['wake']
  readonly counters: Counters
  readonly registry: PeerRegistry
  readonly policy: ConnectionPolicy
  readonly gater: ConnectionGater
  readonly outstanding = new OutstandingOffers<Offer>()
  readonly scheduler: AnnounceScheduler<Offer>
  readonly dialPolicy: DialPolicy<Offer>
  readonly #pause: PauseWatch
  /** The topic was left: no peer connects any more. */
  closed = false

  constructor(options: SwarmOptions, { tell, wake }: SwarmHost) {
    const { topic, runtime, limits, policy, paused } = options
    const { env, announceId, index } = runtime
    this.options = options
    this.topic = topic
    this.runtime = runtime
    this.tell = tell
    this.wake = wake
    this.counters = new Counters(step => tell('stage', step))
    this.registry = new PeerRegistry(announceId, index)
    const parts = { env, registry: this.registry, maxPeers: limits.maxPeers }
    this.policy = policy?.(parts) ?? new PeerSlots(parts)
    this.gater = new ConnectionGater(this)
    this.scheduler = new AnnounceScheduler(this)
    this.dialPolicy = new DialPolicy(this)
    this.#pause = new PauseWatch({ env, isPaused: () => paused?.() === true, changed: now => this.#pauseChanged(now) })
  }

  get paused(): boolean {
    return this.gater.paused
  }

  /** While paused no peer may connect; a resumed topic needs peers at once. */
  set paused(paused: boolean) {
    const resumes = this.paused && !paused
    this.gater.paused = paused
    if (resumes) this.scheduler.need()
  }

  /** Asks the application whether the topic is paused: WebTorrent emits no event for that. */
  checkPause(): boolean {
    return this.#pause.look()
  }

  close(): void {
    this.closed = true
    this.#pause.close()
  }

  /** There is room for another peer. One function object, because the connection index forgets it when the topic is left. */
  readonly freed = (): void => {
    if (this.closed) return
    this.scheduler.lost()
    this.runtime.sharedTopics.changed(this.topic)
    this.wake()
  }

  /** Refuses this peer for 30 to 60 s. */
  avoid({ remote }: TopicPeer): void {
    this.gater.avoid(remote.announceId, undefined, this.runtime.isProven(remote))
  }

  /** Takes the offer that an answer belongs to. A second answer to it finds none, nor does one from another peer than the dialled one. */
  takeOffer(id: Id, from: Id): Offer | undefined {
    const sent = this.outstanding.get(id)
    if (sent === undefined || (sent.to ?? from) !== from) return undefined
    this.outstanding.delete(id)
    if (sent.to !== undefined) this.dialPolicy.answered(sent.to)
    this.scheduler.answered(sent.signaling, this.runtime.env.now() - sent.at)
    return sent.offer
  }

  /** A description as it leaves for this topic, to this receiver if it is known: with our identity in it. */
  async sign(sdp: string, proof: Omit<ProofContext, 'topic'>, to = proof.to): Promise<string> {
    const { topic, registry, policy } = this
    const { identity, announceId } = this.runtime
    const note = policy.note?.(proof.role === 'offer' ? 'offerer' : 'answerer', to)
    let text = registry.isAlone ? withAlone(sdp) : sdp
    if (!registry.shares) text = withIsolated(text)
    if (note !== undefined) text = withNote(text, note)
    return await signDescription(text, { ...proof, topic, identity, announceId })
  }

  #pauseChanged(paused: boolean): void {
    this.paused = paused // first: a peer that is connected for another topic may join this one at once
    if (paused || this.closed) return
    this.runtime.sharedTopics.changed(this.topic)
    this.wake()
  }
}
