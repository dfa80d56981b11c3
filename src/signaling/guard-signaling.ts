/**
 * Wraps a signalling of the application for use by swarms: turns its errors and bad values into warnings, retries failed subscriptions,
 * and parses what it reports as strictly as the frames of a server.
 */
import type { Env, Timer } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { isId, type Id } from '../core/id.js'
import { isCandidate, parseSdp } from '../core/sdp.js'
import { withoutSecrets } from '../core/secrets.js'
import { GuardedObject } from './guarded-object.js'
import {
  isDirect,
  type InboundCandidate,
  type InboundDescription,
  type InboundRefusal,
  type Signaling,
  type SignalingListener,
  type SwarmCounts,
} from './signaling.js'
import { MAX_COUNT, MAX_INTERVAL, MIN_INTERVAL } from './tracker/codec.js'

/** More members than a client dials. */
const MAX_DIALABLE = 1_000
/** An asynchronous `subscribe()` that takes longer is reported, in milliseconds. It still counts when it settles. */
const SUBSCRIBE_TIMEOUT = 10_000
const SLOW = `it did not settle within ${SUBSCRIBE_TIMEOUT / 1_000} s: return the function that unsubscribes`

export function guardSignaling(own: Signaling, env: Env, warn: (error: SwarmlinkError) => void): Signaling {
  const { source, patience } = own
  const name = withoutSecrets(own.name) // it may be a URL
  const foreign = new GuardedObject(`the signalling ${name}`, env, warn)
  const method =
    <T>(what: 'announce' | 'answer' | 'dial' | 'candidate' | 'refuse' | 'distrust') =>
    (value: T): boolean =>
      Boolean(foreign.call(what, () => (own as unknown as Record<string, (value: T) => unknown>)[what]?.(value)).result) // a direct signalling has more methods
  const has = (what: 'dial' | 'candidate' | 'refuse' | 'distrust') => what in own && { [what]: method(what) }

  const subscribe = (topic: Id, listener: SignalingListener): (() => void) => {
    let ended = false
    let leave: (() => unknown) | undefined
    let late: Timer | undefined
    const guarded = guard(listener, foreign, () => ended)
    const unsubscribe = () => {
      if (leave !== undefined) foreign.call('unsubscribe', leave)
    }
    const trying = foreign.persist(again => {
      const take = (result: unknown) => {
        if (typeof result === 'function') leave = result as () => unknown
        else foreign.failed('subscribe', new TypeError('it gave no function: return one that unsubscribes'))
        if (ended) unsubscribe()
        else if (leave === undefined) again()
      }
      const { outcome, result } = foreign.call('subscribe', () => own.subscribe(topic, guarded))
      if (outcome === 'done') take(result)
      else if (outcome === 'threw') again()
      else {
        late = env.timer(SUBSCRIBE_TIMEOUT, () => foreign.failed('subscribe', new Error(SLOW)))
        const settled = Promise.resolve(result).finally(() => late?.cancel())
        settled.then(take, () => ended || again())
      }
    })
    return () => {
      ended = true
      trying.cancel()
      late?.cancel()
      unsubscribe()
    }
  }
  return {
    name,
    source: source === 'tracker' || source === 'exchange' ? source : 'signaling',
    maxOffers: Math.max(0, Math.floor(own.maxOffers) || 0),
    get open() {
      return foreign.call('open', () => own.open).result === true
    },
    ...(typeof patience === 'number' && patience > 0 && { patience }),
    subscribe,
    announce: method('announce'),
    answer: method('answer'),
    ...has('candidate'),
    ...has('refuse'),
    ...has('distrust'),
    ...(isDirect(own) && {
      ...has('dial'),
      dialable(topic: Id): Id[] {
        const dialable = foreign.call('dialable', () => own.dialable(topic)).result
        return Array.isArray(dialable) ? dialable.slice(0, MAX_DIALABLE).filter(isId) : []
      },
    }),
  }
}

/** Passes valid events to the listener while it is subscribed; drops bad ones with a warning. */
function guard(listener: SignalingListener, foreign: GuardedObject, isEnded: () => boolean): SignalingListener {
  const take =
    <T>(notify: (value: T) => void) =>
    (value: T): void => {
      if (!isEnded()) foreign.call('its listener', () => notify(value))
    }
  return {
    open: () => take(() => listener.open())(undefined),
    close: () => take(() => listener.close())(undefined),
    offer: take<InboundDescription>(one => listener.offer({ ...named(one), sdp: parseSdp(one.sdp.text) })),
    answer: take<InboundDescription>(one => listener.answer({ ...named(one), sdp: parseSdp(one.sdp.text) })),
    counts: take<SwarmCounts>(({ complete, incomplete, interval, minInterval }) =>
      listener.counts({
        ...within('complete', complete, 0, MAX_COUNT),
        ...within('incomplete', incomplete, 0, MAX_COUNT),
        ...within('interval', interval, MIN_INTERVAL, MAX_INTERVAL),
        ...within('minInterval', minInterval, MIN_INTERVAL, MAX_INTERVAL),
      }),
    ),
    candidate: take<InboundCandidate>(one => {
      const { candidate } = one
      if (isCandidate(candidate.candidate ?? '')) listener.candidate?.({ ...named(one), candidate })
    }),
    refused: take<InboundRefusal>(one => listener.refused?.(named(one))),
    wants: (id, alone) => !isEnded() && isId(id) && listener.wants?.(id, alone === true) !== false,
    dialable: take<Id>(id => {
      if (isId(id)) listener.dialable?.(id)
    }),
    known: () => listener.known?.() ?? [],
    warning: take<SwarmlinkError>(error => listener.warning(foreign.told(error))),
  }
}

/** Throws when the member id or the offer id is malformed. */
function named({ from, offerId }: InboundRefusal): InboundRefusal {
  if (isId(from) && isId(offerId)) return { from, offerId }
  throw new SwarmlinkError('ERR_BAD_FRAME', 'an id is malformed: give ids of 40 hex characters')
}

/** Drops a value that is no number, and clamps the others to the bounds that also hold for trackers. */
function within(name: keyof SwarmCounts, value: unknown, least: number, most: number): SwarmCounts {
  return typeof value === 'number' && value >= 0 ? { [name]: Math.min(Math.max(value, least), most) } : {}
}
