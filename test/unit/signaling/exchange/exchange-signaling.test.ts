import { describe, expect, test } from 'vitest'
import { MEMBER_TIMEOUT } from '../../../../src/signaling/exchange/known-members.js'
import { encode } from '../../../../src/signaling/exchange/codec.js'
import type { Id } from '../../../../src/core/id.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'
import {
  announcement,
  answer,
  Client,
  connect,
  HIGHEST,
  LATENCY,
  LOWEST,
  Listener,
  offer,
  OFFER,
  OTHER_TOPIC,
  ScriptedPeer,
  TOPIC,
} from './relay-net.js'

const CANDIDATE = { candidate: 'candidate:1 1 UDP 1 192.0.2.9 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }
/** A payload through a relay, and the reply. */
const ROUND_TRIP = 4 * LATENCY

function clients(count: number) {
  const env = new VirtualEnv()
  const all = Array.from({ length: count }, () => new Client(env))
  const ids = new Map(all.map(client => [client.id, client]))
  const live = () => {
    for (const client of all) client.live(connect, id => ids.get(id)!) // only these clients can be named
  }
  return { env, all, live }
}

/** Ann and Bob are both connected to Mid, and do not know each other yet. */
async function three(id = HIGHEST) {
  const env = new VirtualEnv()
  const [ann, mid, bob] = [new Client(env, id), new Client(env), new Client(env)]
  for (const client of [ann, mid, bob]) client.subscribe()
  const hangUp = { ann: connect(ann, mid), bob: connect(bob, mid) }
  const meet = async () => {
    ann.listener.knownIds = () => [mid.id]
    expect(ann.announce()).toBe(true)
    await env.advance(2 * LATENCY)
  }
  return { env, ann, mid, bob, hangUp, meet }
}

describe('a relay peer [X2]', () => {
  test('is named once it declared peer exchange; before that it is queried and may send payloads', () => {
    const env = new VirtualEnv()
    const client = new Client(env)
    client.subscribe()
    const [ann, bob] = [new ScriptedPeer(client, HIGHEST), new ScriptedPeer(client, LOWEST, [])]
    bob.exchanges = undefined
    client.exchange.joined(TOPIC, bob)
    client.announce()
    const queries = () => ann.says({ type: 'query', topic: TOPIC, want: 9, filter: new Uint8Array(6) })
    queries()
    bob.says({ type: 'forward', topic: TOPIC, peer: ann.remote, payload: { kind: 'dial-request' } })
    expect([bob.of('query').length, ann.of('members').length, ann.of('forwarded').length]).toEqual([1, 0, 1])
    bob.exchanges = true
    queries()
    expect(ann.of('members').map(({ members }) => members)).toEqual([[bob.remote]])
  })

  test('is ignored when it does not take part in peer exchange', () => {
    const env = new VirtualEnv()
    const client = new Client(env)
    client.subscribe()
    const bob = new ScriptedPeer(client, LOWEST, [])
    bob.exchanges = false
    client.exchange.joined(TOPIC, bob)
    bob.says({ type: 'forward', topic: TOPIC, peer: HIGHEST, payload: { kind: 'dial-request' } })
    expect([client.exchange.status().ports, client.exchange.status().dropped, client.announce()]).toEqual([
      0,
      { stranger: 1 },
      false,
    ])
  })
})

describe('peer exchange [X2]', () => {
  test('connects a newcomer that knows one member to all of them', async () => {
    const { env, all, live } = clients(12)
    live()
    const [newcomer, ...members] = all as [Client, ...Client[]] // as many as were asked for
    for (const [i, one] of members.entries()) for (const other of members.slice(i + 1)) connect(one, other)
    await env.advance(5_000)
    expect(newcomer.peers).toEqual([])
    connect(newcomer, members[0]!)
    await env.until(() => newcomer.peers.length === 11, 1_000)
  })

  test('turns a chain into a full mesh without a second announcement', async () => {
    const { env, all, live } = clients(20)
    live()
    for (const [i, client] of all.entries()) if (i > 0) connect(client, all[i - 1]!)
    await env.until(() => all.every(({ peers }) => peers.length === 19), 10_000)
    for (const { exchange } of all) expect(exchange.status().dropped).not.toHaveProperty('too-fast')
  })

  test('forwards offer, answer, candidates and refusals, each under its sender’s id', async () => {
    const { env, ann, mid, bob, meet } = await three()
    await meet()
    expect([ann.listener.callees, ann.exchange.dialable(TOPIC)]).toEqual([[bob.id], [bob.id]])
    expect(ann.call(bob)).toBe(true)
    await env.advance(ROUND_TRIP)
    expect(bob.listener.offers).toMatchObject([{ from: ann.id, offerId: OFFER, sdp: { text: offer } }])
    expect(ann.answer(bob)).toBe(false) // that offer was Ann's own
    expect(bob.answer(ann)).toBe(true)
    expect(bob.exchange.candidate({ topic: TOPIC, from: bob.id, to: ann.id, offerId: OFFER, candidate: CANDIDATE })).toBe(true)
    await env.advance(ROUND_TRIP)
    expect(ann.listener.answers).toMatchObject([{ from: bob.id, offerId: OFFER, sdp: { text: answer } }])
    expect(ann.listener.candidates).toEqual([{ from: bob.id, offerId: OFFER, candidate: CANDIDATE }])
    for (let i = 0; i < 2; i++) expect(ann.exchange.refuse({ topic: TOPIC, from: ann.id, to: bob.id, offerId: OFFER })).toBe(true)
    expect(bob.exchange.refuse({ topic: TOPIC, from: bob.id, to: ann.id, offerId: OFFER })).toBe(true)
    await env.advance(ROUND_TRIP)
    expect([ann.listener.refusals, bob.listener.refusals]).toEqual([
      [{ from: bob.id, offerId: OFFER }],
      [{ from: ann.id, offerId: OFFER }],
    ])
    expect(mid.exchange.status()).toMatchObject({ passedOn: 6, ports: 2, dropped: {} })
    expect([mid.listener.log, bob.exchange.status().dropped]).toEqual([['open'], { unasked: 1 }])
  })

  test('tells the dialler at once when the member has left', async () => {
    const { env, ann, mid, bob, hangUp, meet } = await three()
    await meet()
    hangUp.bob()
    expect(ann.call(bob)).toBe(true)
    await env.advance(2 * LATENCY)
    expect(ann.listener.refusals).toEqual([{ from: bob.id, offerId: OFFER }])
    expect([ann.exchange.dialable(TOPIC), ann.call(bob)]).toEqual([[], false])
    expect(ann.listener.callees).toEqual([bob.id]) // from before: no relay reaches Bob now
    expect(mid.exchange.status().dropped).toEqual({ absent: 1 })
  })

  test('dials through another relay when the first one has left', async () => {
    const { env, ann, mid, bob, hangUp, meet } = await three()
    const also = new Client(env)
    also.subscribe()
    connect(bob, also)
    connect(ann, also)
    await meet()
    ann.call(bob)
    await env.advance(LATENCY)
    ann.listener.callees.length = 0
    if (mid.heard.some(({ type }) => type === 'forward')) hangUp.ann()
    else ann.exchange.gone(ann.ports.get(also.id)!)
    expect(ann.listener.refusals).toEqual([{ from: bob.id, offerId: OFFER }])
    expect(ann.listener.callees).toEqual([bob.id])
    expect(ann.call(bob)).toBe(true)
    await env.advance(ROUND_TRIP)
    expect(bob.listener.offers.at(-1)?.from).toBe(ann.id)
  })

  test('forgets a member after MEMBER_TIMEOUT and takes it as new when it is named again', async () => {
    const { env, ann, bob, meet } = await three()
    await meet()
    await meet()
    expect(ann.listener.callees).toEqual([bob.id])
    await env.advance(MEMBER_TIMEOUT)
    expect([ann.exchange.dialable(TOPIC), ann.exchange.status().members]).toEqual([[], 0])
    await meet()
    expect(ann.listener.callees).toEqual([bob.id, bob.id])
  })

  test('dials only members that the listener wants', async () => {
    const { ann, meet } = await three()
    ann.listener.wanted = () => false
    await meet()
    expect([ann.listener.callees, ann.exchange.dialable(TOPIC), ann.exchange.status().members]).toEqual([[], [], 1])
  })

  test('forwards a repair payload to a peer that a relay is connected to', async () => {
    const { env, ann, mid, bob } = await three()
    expect(ann.exchange.repair(TOPIC, bob.id, Uint8Array.of(1, 2, 3))).toBe(true)
    await env.advance(2 * LATENCY)
    expect(bob.repairs).toEqual([{ from: ann.id, body: Uint8Array.of(1, 2, 3) }])
    expect(mid.repairs).toEqual([])
    expect(ann.exchange.repair(TOPIC, mid.id, Uint8Array.of(1))).toBe(false) // the only relay is Mid itself
    expect(ann.exchange.repair(TOPIC, bob.id, new Uint8Array(20 * 1024 + 1))).toBe(false)
  })
})

describe('two members that hear of each other at once [X2]', () => {
  test('let the higher id dial; the lower one sends a dial request, and dials after 2 s without a dial', async () => {
    const { env, ann, mid, bob, meet } = await three(LOWEST)
    await meet()
    expect([ann.listener.callees, ann.exchange.dialable(TOPIC)]).toEqual([[], []])
    await env.advance(ROUND_TRIP)
    expect([bob.listener.callees, bob.exchange.dialable(TOPIC)]).toEqual([[ann.id], [ann.id]])
    expect(bob.call(ann)).toBe(true)
    await env.advance(ROUND_TRIP)
    expect(ann.listener.offers).toMatchObject([{ from: bob.id, offerId: OFFER }])
    expect(mid.exchange.status()).toMatchObject({ passedOn: 2, dropped: {} })
    await env.advance(1_500)
    expect(ann.listener.callees).toEqual([])
    await env.advance(500)
    expect([ann.listener.callees, ann.exchange.dialable(TOPIC)]).toEqual([[bob.id], [bob.id]])
    expect([env.pendingTimers, ann.call(bob)]).toEqual([0, true])
  })

  test('cause no second dial when the first one connected them', async () => {
    const { env, ann, bob, meet } = await three(LOWEST)
    await meet()
    ann.listener.wanted = id => id !== bob.id
    await env.advance(5_000)
    expect([ann.listener.callees, env.pendingTimers]).toEqual([[], 0])
  })

  test('lose no dial credit by a dial request to an absent member', async () => {
    const { env, ann, mid, hangUp, meet } = await three(LOWEST)
    hangUp.bob()
    const gone = Array.from({ length: 40 }, () => new Client(env))
    for (const client of gone) client.subscribe()
    const hangUps = gone.map(client => connect(client, mid))
    await meet()
    for (const end of hangUps) end()
    await env.advance(3_000)
    expect(ann.heard.filter(({ type }) => type === 'unreachable')).toEqual([])
    expect([ann.exchange.dialable(TOPIC).length, mid.exchange.status().dropped]).toEqual([32, { absent: 40 }])
    let calls = 0
    for (const id of ann.exchange.dialable(TOPIC)) if (ann.call(id)) calls++
    expect(calls).toBe(32)
  })

  test('ignore a dial request of a member that is being dialled, and follow one of a member that refused', async () => {
    const { env, ann, bob, meet } = await three()
    await meet()
    ann.call(bob)
    const request = () =>
      bob.ports
        .get(bob.peers[0]!)
        ?.send(encode({ type: 'forward', topic: TOPIC, peer: ann.id, payload: { kind: 'dial-request' } }))
    request()
    await env.advance(ROUND_TRIP)
    expect(ann.listener.callees).toEqual([bob.id]) // as it was named
    bob.exchange.refuse({ topic: TOPIC, from: bob.id, to: ann.id, offerId: OFFER })
    request()
    await env.advance(ROUND_TRIP)
    expect(ann.listener.callees).toEqual([bob.id, bob.id])
  })

  test('send no more dial requests than there are free slots', async () => {
    const env = new VirtualEnv()
    const [ann, mid] = [new Client(env, LOWEST), new Client(env)]
    const others = Array.from({ length: 10 }, () => new Client(env))
    for (const client of [ann, mid, ...others]) client.subscribe()
    for (const client of [ann, ...others]) connect(client, mid)
    const requests = () =>
      mid.heard.filter(message => message.type === 'forward' && message.payload.kind === 'dial-request').length
    ann.announce({ numwant: 5 })
    ann.listener.knownIds = () => [mid.id, mid.id] // two slots were taken meanwhile
    await env.advance(ROUND_TRIP)
    expect(requests()).toBe(3)
    ann.announce({ numwant: 4 }) // expected dials count as taken slots
    await env.advance(ROUND_TRIP)
    expect(requests()).toBeLessThanOrEqual(4)
  })
})

describe('the time of queries [X2]', () => {
  const queries = (client: Client) => client.heard.filter(({ type }) => type === 'query')

  test('queries two relays per announcement, in turn', async () => {
    const { env, all } = clients(5)
    const [ann, ...others] = all as [Client, ...Client[]] // as many as were asked for
    for (const client of all) client.subscribe()
    for (const other of others) connect(ann, other)
    await env.advance(1_000) // before the first announcement relays that join are not queried
    const counts = async () => {
      await env.advance(LATENCY)
      return others.map(other => queries(other).length)
    }
    ann.announce()
    expect(await counts()).toEqual([1, 1, 0, 0])
    ann.announce()
    expect(await counts()).toEqual([1, 1, 1, 1])
    ann.announce({ event: 'stopped' })
    expect(await counts()).toEqual([1, 1, 1, 1])
    expect(ann.announce({ numwant: 0 })).toBe(true)
    await env.advance(5_000)
    expect(await counts()).toEqual([1, 1, 1, 1])
  })

  test('queries each relay that joins, reads the known ids once, repeats without a reply, and stops when no member is wanted', async () => {
    const { env, all } = clients(5)
    const [ann, first, second, third, fourth] = all as [Client, Client, Client, Client, Client] // as many as were asked for
    for (const client of all) client.subscribe()
    connect(ann, first)
    ann.announce()
    let looks = 0
    ann.listener.knownIds = () => {
      looks++
      return []
    }
    connect(ann, second)
    connect(ann, third)
    await env.advance(1_000)
    const counts = () => [first, second, third].map(other => queries(other).length)
    expect([counts(), looks]).toEqual([[2, 2, 2], 2]) // the first relay once by the announcement
    await env.advance(5_000)
    expect([counts(), looks]).toEqual([[3, 3, 3], 3])
    ann.announce({ numwant: 0 })
    connect(ann, fourth)
    await env.advance(1_000)
    expect(queries(fourth)).toEqual([])
  })

  test('tries again after a second or two when the listener throws [Law 11]', async () => {
    const { env, all } = clients(3)
    const [ann, first, mid] = all as [Client, Client, Client] // as many as were asked for
    for (const client of all) client.subscribe()
    connect(ann, first)
    ann.announce()
    await env.advance(20_000)
    let looks = 0
    ann.listener.knownIds = () => {
      if (++looks > 2) return []
      throw new Error('broken')
    }
    connect(ann, mid)
    await env.advance(100)
    expect([looks, queries(mid).length]).toEqual([1, 0])
    await env.advance(5_000)
    expect(queries(mid).length).toBeGreaterThan(0)
  })

  test('queries a relay that joins behind a silent one without delay', async () => {
    const { env, all } = clients(3)
    const [ann, silent, other] = all as [Client, Client, Client] // as many as were asked for
    for (const client of all) client.subscribe()
    connect(ann, silent)
    ann.announce()
    await env.advance(500)
    connect(ann, other)
    await env.advance(200)
    expect([queries(silent).length, queries(other).length]).toEqual([2, 2])
  })

  test('sends a second query to a relay that joined too late for the first, and none to a relay that replied', async () => {
    const { env, all } = clients(3)
    const [ann, mid, bob] = all as [Client, Client, Client] // as many as were asked for
    for (const client of all) client.subscribe()
    connect(bob, mid)
    connect(ann, mid)
    const port = mid.ports.get(ann.id)!
    mid.exchange.left(TOPIC, port)
    ann.announce()
    await env.advance(500)
    expect([queries(mid).length, ann.exchange.dialable(TOPIC)]).toEqual([2, []])
    mid.exchange.joined(TOPIC, port)
    await env.advance(2_000)
    expect([queries(mid).length, ann.exchange.dialable(TOPIC)]).toEqual([3, [bob.id]])
    const late = new Client(env)
    late.subscribe()
    connect(late, mid)
    late.announce()
    await env.advance(5_000)
    expect(queries(mid).length).toBe(4)
  })

  test('sends the known ids with the query, and gets none of them named [D5]', async () => {
    const { env, ann, mid, bob, meet } = await three()
    const other = new Client(env)
    other.subscribe()
    connect(other, mid)
    ann.listener.knownIds = () => [mid.id, bob.id]
    ann.announce()
    await env.advance(2 * LATENCY)
    expect(ann.heard.filter(({ type }) => type === 'members')).toMatchObject([{ members: [other.id] }])
    ann.heard.length = 0
    ann.listener.knownIds = () => [mid.id, bob.id, other.id]
    ann.announce()
    await env.advance(2 * LATENCY)
    expect(ann.heard).toEqual([]) // a relay without a member to name does not reply
    await meet()
    expect(ann.listener.callees).toContain(bob.id)
  })

  test('gets as many members as it asked for', async () => {
    const { env, all } = clients(12)
    const [ann, mid, ...others] = all as [Client, Client, ...Client[]] // as many as were asked for
    for (const client of all) client.subscribe()
    for (const other of [ann, ...others]) connect(other, mid)
    const named = new Set<Id>()
    for (let i = 0; i < 3; i++) {
      ann.announce({ numwant: 4 })
      await env.advance(1_000)
    }
    const replies = ann.heard.flatMap(message => (message.type === 'members' ? [message.members] : []))
    for (const id of replies.flat()) named.add(id)
    expect(replies.map(members => members.length)).toEqual([4, 4, 4])
    expect(named.size).toBeGreaterThan(4) // random members, not always the same
  })
})

describe('a topic of peer exchange [X2]', () => {
  test('opens with the first port, closes with the last, and leaves nothing behind', async () => {
    const { env, all } = clients(3)
    const [ann, mid, bob] = all as [Client, Client, Client] // as many as were asked for
    mid.subscribe()
    bob.subscribe()
    connect(mid, bob)
    const hangUp = connect(ann, mid)
    ann.subscribe()
    expect(ann.listener.log).toEqual(['open'])
    connect(ann, bob)
    hangUp()
    expect(ann.listener.log).toEqual(['open'])
    ann.exchange.left(TOPIC, ann.ports.get(bob.id)!)
    expect([ann.listener.log, ann.announce()]).toEqual([['open', 'close'], false])
    connect(ann, mid)
    expect(ann.listener.log).toEqual(['open', 'close', 'open'])
    for (const { exchange } of all) exchange.close()
    expect(ann.listener.log).toEqual(['open', 'close', 'open', 'close'])
    await env.advance(LATENCY)
    expect([env.pendingTimers, ann.exchange.status()]).toMatchObject([0, { state: 'closed', ports: 0, topics: 0 }])
    expect(() => ann.subscribe()).toThrow('was closed')
  })

  test('answers no query and forwards nothing for a topic that it did not subscribe to', async () => {
    const { env, all } = clients(3)
    const [ann, mid, bob] = all as [Client, Client, Client] // as many as were asked for
    for (const client of [ann, bob]) client.subscribe(OTHER_TOPIC)
    mid.subscribe(TOPIC)
    for (const client of [ann, bob]) connect(client, mid, [OTHER_TOPIC])
    ann.announce({ topic: OTHER_TOPIC })
    ann.exchange.repair(OTHER_TOPIC, bob.id, Uint8Array.of(1))
    await env.advance(1_000)
    expect([ann.heard, bob.repairs]).toEqual([[], []])
    expect(mid.exchange.status()).toMatchObject({ passedOn: 0, dropped: { misplaced: 3 } })
  })

  test('hides a topic from a peer that shares another one, and forwards nothing to it', async () => {
    const { env, all } = clients(3)
    const [ann, mid, eve] = all as [Client, Client, Client] // as many as were asked for
    for (const client of all) {
      client.subscribe(TOPIC)
      client.exchange.subscribe(OTHER_TOPIC, new Listener())
    }
    connect(ann, mid, [TOPIC])
    connect(eve, mid, [OTHER_TOPIC])
    eve.exchange.joined(TOPIC, eve.ports.get(mid.id)!) // only Eve's side joined it
    eve.announce()
    eve.exchange.repair(TOPIC, ann.id, Uint8Array.of(1))
    ann.announce()
    ann.exchange.repair(TOPIC, eve.id, Uint8Array.of(1))
    await env.advance(1_000)
    expect([eve.exchange.dialable(TOPIC), ann.exchange.dialable(TOPIC)]).toEqual([[], []])
    expect([eve.repairs, ann.repairs]).toEqual([[], []])
    expect(mid.exchange.status().dropped).toEqual({ misplaced: 3, absent: 1 })
  })

  test('has one listener, and queries and forwards nothing after it unsubscribed', async () => {
    const { env, ann, mid, bob } = await three()
    const other = new Client(env)
    const unsubscribe = other.subscribe()
    expect(() => other.subscribe()).toThrow('has a listener already')
    connect(other, mid)
    await env.advance(1_000)
    const timers = env.pendingTimers
    connect(other, bob)
    expect(env.pendingTimers).toBe(timers + 2)
    unsubscribe()
    expect(env.pendingTimers).toBe(timers + 1)
    const again = other.subscribe()
    unsubscribe()
    expect(() => other.subscribe()).toThrow('has a listener already')
    again()
    await env.advance(1_000)
    expect([other.announce(), other.call(bob), other.answer(ann), other.exchange.dialable(TOPIC)]).toEqual([
      false,
      false,
      false,
      [],
    ])
    expect(env.pendingTimers).toBe(0)
  })

  test('counts what a listener throws, and goes on', async () => {
    const { env, ann, mid, bob, meet } = await three()
    ann.listener.onCallee = () => {
      throw new Error('a mistake')
    }
    await meet()
    expect(ann.exchange.status().dropped).toEqual({ listener: 1 })
    expect(ann.call(bob)).toBe(true)
    bob.listener.offer = () => {
      throw new Error('another')
    }
    await env.advance(ROUND_TRIP)
    expect([bob.exchange.status().dropped, mid.exchange.status().passedOn]).toEqual([{ listener: 1 }, 1])
    expect(bob.answer(ann)).toBe(true)
  })

  test('replaces a relay that joins again over a new connection', async () => {
    const { env, ann, mid, bob, meet } = await three()
    await meet()
    const former = ann.ports.get(mid.id)!
    connect(ann, mid)
    ann.exchange.gone(former)
    expect([ann.listener.log, ann.exchange.dialable(TOPIC)]).toEqual([['open'], []])
    await meet()
    expect(ann.call(bob)).toBe(true)
    await env.advance(ROUND_TRIP)
    expect(bob.listener.offers).toHaveLength(1)
    ann.exchange.joined(TOPIC, ann.ports.get(mid.id)!) // joined before
    expect([ann.listener.refusals, ann.exchange.dialable(TOPIC)]).toEqual([[], [bob.id]])
    expect(ann.exchange.announce(announcement(ann.id))).toBe(true)
  })
})
