/**
 * A signalling of the application's own, as swarms use it. Whatever it throws, rejects with or gives amiss becomes a warning, a
 * subscription that failed is tried again, and what it tells is read as strictly as what a server sends.
 */
import type { Env } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { isId, type Id } from '../core/id.js'
import { isCandidate, parseSdp } from '../core/sdp.js'
import { withoutSecrets } from '../core/secrets.js'
import { Foreign } from './foreign.js'
import {
  isDirect,
  type InboundCandidate,
  type InboundDescription,
  type InboundRefusal,
  type Signaling,
  type SignalingListener,
  type SwarmCounts,
} from './signaling.js'
import { MAX_COUNT, MAX_INTERVAL, MIN_INTERVAL } from './tracker/wire.js'

/** More members than any client calls. */
const MAX_CALLEES = 1_000

export function ownSignaling(own: Signaling, env: Env, warn: (error: SwarmlinkError) => void): Signaling {
  const { source, patience } = own
  const name = withoutSecrets(own.name) // it may be a URL
  const foreign = new Foreign(`the signalling ${name}`, env, warn)
  const says =
    <T>(what: 'announce' | 'answer' | 'call' | 'candidate' | 'refuse' | 'distrust') =>
    (value: T): boolean =>
      Boolean(foreign.call(what, () => (own as unknown as Record<string, (value: T) => unknown>)[what]?.(value)).result) // a direct one has more methods
  const has = (what: 'call' | 'candidate' | 'refuse' | 'distrust') => what in own && { [what]: says(what) }

  const subscribe = (topic: Id, listener: SignalingListener): (() => void) => {
    let over = false
    let leave: unknown
    const heard = listening(listener, foreign, () => over)
    const trying = foreign.persist(again => {
      leave = foreign.call('subscribe', () => own.subscribe(topic, heard)).result
      if (typeof leave !== 'function') again()
    })
    return () => {
      over = true
      trying.cancel()
      if (typeof leave === 'function') foreign.call('unsubscribe', leave as () => unknown)
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
    announce: says('announce'),
    answer: says('answer'),
    ...has('candidate'),
    ...has('refuse'),
    ...has('distrust'),
    ...(isDirect(own) && {
      ...has('call'),
      callees(topic: Id): Id[] {
        const callees = foreign.call('callees', () => own.callees(topic)).result
        return Array.isArray(callees) ? callees.slice(0, MAX_CALLEES).filter(isName) : []
      },
    }),
  }
}

/** Called back only while it is subscribed, and never past what it is given wrongly. */
function listening(listener: SignalingListener, foreign: Foreign, isOver: () => boolean): SignalingListener {
  const take =
    <T>(tell: (value: T) => void) =>
    (value: T): void => {
      if (!isOver()) foreign.call('its listener', () => tell(value))
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
    wants: (id, alone) => !isOver() && isName(id) && listener.wants?.(id, alone === true) !== false,
    callee: take<Id>(id => {
      if (isName(id)) listener.callee?.(id)
    }),
    known: () => listener.known?.() ?? [],
    warning: take<SwarmlinkError>(error => listener.warning(foreign.told(error))),
  }
}

function isName(id: unknown): id is Id {
  return typeof id === 'string' && isId(id)
}

/** Throws for what names neither a member nor an offer. */
function named({ from, offerId }: InboundRefusal): InboundRefusal {
  if (isName(from) && isName(offerId)) return { from, offerId }
  throw new SwarmlinkError('ERR_BAD_FRAME', 'ids must be of 40 hex characters')
}

/** What of a count can be used, within the bounds that a tracker is kept to. */
function within(name: keyof SwarmCounts, value: unknown, least: number, most: number): SwarmCounts {
  return typeof value === 'number' && value >= 0 ? { [name]: Math.min(Math.max(value, least), most) } : {}
}
