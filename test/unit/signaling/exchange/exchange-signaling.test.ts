import { describe, expect, test } from 'vitest'
import { MEMBER_TIMEOUT } from '../../../../src/signaling/relay/members.js'
import { encode } from '../../../../src/signaling/relay/wire.js'
import type { Id } from '../../../../src/core/id.js'
import { VirtualEnv } from '../../../support/virtual-env.js'
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
  Stranger,
  TOPIC,
} from './relay-net.js'

const CANDIDATE = { candidate: 'candidate:1 1 UDP 1 192.0.2.9 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }
/** A message through a third peer and back. */
const THERE_AND_BACK = 4 * LATENCY

function clients(count: number) {
  const env = new VirtualEnv()
  const all = Array.from({ length: count }, () => new Client(env))
  const ids = new Map(all.map(client => [client.id, client]))
  const live = () => {
    for (const client of all) client.live(connect, id => ids.get(id)!) // nobody is named that is not one of them
  }
  return { env, all, live }
}

/** Ann and Bob are both connected to Mid, and know nothing of each other yet. */
async function three(id = HIGHEST) {
  const env = new VirtualEnv()
  const [ann, mid, bob] = [new Client(env, id), new Client(env), new Client(env)]
  for (const client of [ann, mid, bob]) client.subscribe()
  const hangUp = { ann: connect(ann, mid), bob: connect(bob, mid) }
  const meet = async () => {
    ann.listener.held = () => [mid.id]
    expect(ann.announce()).toBe(true)
    await env.advance(2 * LATENCY)
  }
  return { env, ann, mid, bob, hangUp, meet }
}

describe('X2 a neighbour', () => {
  test('is named once it said that it exchanges; before, it is asked and may send letters', () => {
    const env = new VirtualEnv()
    const client = new Client(env)
    client.subscribe()
    const [ann, bob] = [new Stranger(client, HIGHEST), new Stranger(client, LOWEST, [])]
    bob.exchanges = undefined
    client.relay.joined(TOPIC, bob)
    client.announce()
    const asks = () => ann.says({ type: 'ask', topic: TOPIC, want: 9, filter: new Uint8Array(6) })
    asks()
    bob.says({ type: 'pass', topic: TOPIC, peer: ann.remote, letter: { kind: 'knock' } })
    expect([bob.of('ask').length, ann.of('members').length, ann.of('passed').length]).toEqual([1, 0, 1])
    bob.exchanges = true
    asks()
    expect(ann.of('members').map(({ members }) => members)).toEqual([[bob.remote]])
  })

  test('that does not exchange is none', () => {
    const env = new VirtualEnv()
    const client = new Client(env)
    client.subscribe()
    const bob = new Stranger(client, LOWEST, [])
    bob.exchanges = false
    client.relay.joined(TOPIC, bob)
    bob.says({ type: 'pass', topic: TOPIC, peer: HIGHEST, letter: { kind: 'knock' } })
    expect([client.relay.status().ports, client.relay.status().dropped, client.announce()]).toEqual([0, { stranger: 1 }, false])
  })
})

describe('X2 peers that introduce others', () => {
  test('a newcomer that knows one member is soon connected to all', async () => {
    const { env, all, live } = clients(12)
    live()
    const [newcomer, ...members] = all as [Client, ...Client[]] // as many as were asked for
    for (const [i, one] of members.entries()) for (const other of members.slice(i + 1)) connect(one, other)
    await env.advance(5_000)
    expect(newcomer.peers).toEqual([])
    connect(newcomer, members[0]!)
    await env.until(() => newcomer.peers.length === 11, 1_000)
  })

  test('a chain becomes a mesh without anybody who announces again', async () => {
    const { env, all, live } = clients(20)
    live()
    for (const [i, client] of all.entries()) if (i > 0) connect(client, all[i - 1]!)
    await env.until(() => all.every(({ peers }) => peers.length === 19), 10_000)
    for (const { relay } of all) expect(relay.status().dropped).not.toHaveProperty('too-fast')
  })

  test('offer, answer, candidates and refusals find their way, each under the name of who sent it', async () => {
    const { env, ann, mid, bob, meet } = await three()
    await meet()
    expect([ann.listener.callees, ann.relay.callees(TOPIC)]).toEqual([[bob.id], [bob.id]])
    expect(ann.call(bob)).toBe(true)
    await env.advance(THERE_AND_BACK)
    expect(bob.listener.offers).toMatchObject([{ from: ann.id, offerId: OFFER, sdp: { text: offer } }])
    expect(ann.answer(bob)).toBe(false) // that was our offer, not his
    expect(bob.answer(ann)).toBe(true)
    expect(bob.relay.candidate({ topic: TOPIC, from: bob.id, to: ann.id, offerId: OFFER, candidate: CANDIDATE })).toBe(true)
    await env.advance(THERE_AND_BACK)
    expect(ann.listener.answers).toMatchObject([{ from: bob.id, offerId: OFFER, sdp: { text: answer } }])
    expect(ann.listener.candidates).toEqual([{ from: bob.id, offerId: OFFER, candidate: CANDIDATE }])
    for (let i = 0; i < 2; i++) expect(ann.relay.refuse({ topic: TOPIC, from: ann.id, to: bob.id, offerId: OFFER })).toBe(true)
    expect(bob.relay.refuse({ topic: TOPIC, from: bob.id, to: ann.id, offerId: OFFER })).toBe(true)
    await env.advance(THERE_AND_BACK)
    expect([ann.listener.refusals, bob.listener.refusals]).toEqual([
      [{ from: bob.id, offerId: OFFER }],
      [{ from: ann.id, offerId: OFFER }],
    ])
    expect(mid.relay.status()).toMatchObject({ passedOn: 6, ports: 2, dropped: {} })
    expect([mid.listener.log, bob.relay.status().dropped]).toEqual([['open'], { unasked: 1 }])
  })

  test('of a member that is gone the caller hears at once', async () => {
    const { env, ann, mid, bob, hangUp, meet } = await three()
    await meet()
    hangUp.bob()
    expect(ann.call(bob)).toBe(true)
    await env.advance(2 * LATENCY)
    expect(ann.listener.refusals).toEqual([{ from: bob.id, offerId: OFFER }])
    expect([ann.relay.callees(TOPIC), ann.call(bob)]).toEqual([[], false])
    expect(ann.listener.callees).toEqual([bob.id]) // from before: nobody reaches it now
    expect(mid.relay.status().dropped).toEqual({ absent: 1 })
  })

  test('of a relay that is gone too, and another way is tried', async () => {
    const { env, ann, mid, bob, hangUp, meet } = await three()
    const also = new Client(env)
    also.subscribe()
    connect(bob, also)
    connect(ann, also)
    await meet()
    ann.call(bob)
    await env.advance(LATENCY)
    ann.listener.callees.length = 0
    if (mid.heard.some(({ type }) => type === 'pass')) hangUp.ann()
    else ann.relay.gone(ann.ports.get(also.id)!)
    expect(ann.listener.refusals).toEqual([{ from: bob.id, offerId: OFFER }])
    expect(ann.listener.callees).toEqual([bob.id])
    expect(ann.call(bob)).toBe(true)
    await env.advance(THERE_AND_BACK)
    expect(bob.listener.offers.at(-1)?.from).toBe(ann.id)
  })

  test('a member is forgotten after a while, and new when it is named again', async () => {
    const { env, ann, bob, meet } = await three()
    await meet()
    await meet()
    expect(ann.listener.callees).toEqual([bob.id])
    await env.advance(MEMBER_TIMEOUT)
    expect([ann.relay.callees(TOPIC), ann.relay.status().members]).toEqual([[], 0])
    await meet()
    expect(ann.listener.callees).toEqual([bob.id, bob.id])
  })

  test('only whom we want is called', async () => {
    const { ann, meet } = await three()
    ann.listener.wanted = () => false
    await meet()
    expect([ann.listener.callees, ann.relay.callees(TOPIC), ann.relay.status().members]).toEqual([[], [], 1])
  })

  test('a word about a broken connection reaches whoever others are connected to', async () => {
    const { env, ann, mid, bob } = await three()
    expect(ann.relay.repair(TOPIC, bob.id, Uint8Array.of(1, 2, 3))).toBe(true)
    await env.advance(2 * LATENCY)
    expect(bob.repairs).toEqual([{ from: ann.id, body: Uint8Array.of(1, 2, 3) }])
    expect(mid.repairs).toEqual([])
    expect(ann.relay.repair(TOPIC, mid.id, Uint8Array.of(1))).toBe(false) // nobody but itself is there
    expect(ann.relay.repair(TOPIC, bob.id, new Uint8Array(20 * 1024 + 1))).toBe(false)
  })
})

describe('X2 of two who hear of each other one calls', () => {
  test('the one with the higher id; the other knocks, and calls by itself when nothing comes of that', async () => {
    const { env, ann, mid, bob, meet } = await three(LOWEST)
    await meet()
    expect([ann.listener.callees, ann.relay.callees(TOPIC)]).toEqual([[], []])
    await env.advance(THERE_AND_BACK)
    expect([bob.listener.callees, bob.relay.callees(TOPIC)]).toEqual([[ann.id], [ann.id]])
    expect(bob.call(ann)).toBe(true)
    await env.advance(THERE_AND_BACK)
    expect(ann.listener.offers).toMatchObject([{ from: bob.id, offerId: OFFER }])
    expect(mid.relay.status()).toMatchObject({ passedOn: 2, dropped: {} })
    await env.advance(1_500)
    expect(ann.listener.callees).toEqual([])
    await env.advance(500)
    expect([ann.listener.callees, ann.relay.callees(TOPIC)]).toEqual([[bob.id], [bob.id]])
    expect([env.pendingTimers, ann.call(bob)]).toEqual([0, true])
  })

  test('and a call by itself is not needed when the other came', async () => {
    const { env, ann, bob, meet } = await three(LOWEST)
    await meet()
    ann.listener.wanted = id => id !== bob.id
    await env.advance(5_000)
    expect([ann.listener.callees, env.pendingTimers]).toEqual([[], 0])
  })

  test('a knock that finds nobody costs nothing', async () => {
    const { env, ann, mid, hangUp, meet } = await three(LOWEST)
    hangUp.bob()
    const gone = Array.from({ length: 40 }, () => new Client(env))
    for (const client of gone) client.subscribe()
    const hangUps = gone.map(client => connect(client, mid))
    await meet()
    for (const end of hangUps) end()
    await env.advance(3_000)
    expect(ann.heard.filter(({ type }) => type === 'lost')).toEqual([])
    expect([ann.relay.callees(TOPIC).length, mid.relay.status().dropped]).toEqual([32, { absent: 40 }])
    let calls = 0
    for (const id of ann.relay.callees(TOPIC)) if (ann.call(id)) calls++
    expect(calls).toBe(32)
  })

  test('whoever was called already is not named for a knock, and whoever refused is', async () => {
    const { env, ann, bob, meet } = await three()
    await meet()
    ann.call(bob)
    const knock = () =>
      bob.ports.get(bob.peers[0]!)?.send(encode({ type: 'pass', topic: TOPIC, peer: ann.id, letter: { kind: 'knock' } }))
    knock()
    await env.advance(THERE_AND_BACK)
    expect(ann.listener.callees).toEqual([bob.id]) // as it was named
    bob.relay.refuse({ topic: TOPIC, from: bob.id, to: ann.id, offerId: OFFER })
    knock()
    await env.advance(THERE_AND_BACK)
    expect(ann.listener.callees).toEqual([bob.id, bob.id])
  })

  test('nobody is knocked at for whom there is no place', async () => {
    const env = new VirtualEnv()
    const [ann, mid] = [new Client(env, LOWEST), new Client(env)]
    const others = Array.from({ length: 10 }, () => new Client(env))
    for (const client of [ann, mid, ...others]) client.subscribe()
    for (const client of [ann, ...others]) connect(client, mid)
    const knocks = () => mid.heard.filter(message => message.type === 'pass' && message.letter.kind === 'knock').length
    ann.announce({ numwant: 5 })
    ann.listener.held = () => [mid.id, mid.id] // two places were taken meanwhile
    await env.advance(THERE_AND_BACK)
    expect(knocks()).toBe(3)
    ann.announce({ numwant: 4 }) // those who are expected to call are welcome before others
    await env.advance(THERE_AND_BACK)
    expect(knocks()).toBeLessThanOrEqual(4)
  })
})

describe('X2 when others are asked', () => {
  const asks = (client: Client) => client.heard.filter(({ type }) => type === 'ask')

  test('with each announcement two, in turn', async () => {
    const { env, all } = clients(5)
    const [ann, ...others] = all as [Client, ...Client[]] // as many as were asked for
    for (const client of all) client.subscribe()
    for (const other of others) connect(ann, other)
    const counts = async () => {
      await env.advance(LATENCY)
      return others.map(other => asks(other).length)
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

  test('everybody who comes, with one look at whom we know, and once more who says nothing, unless nobody is welcome', async () => {
    const { env, all } = clients(5)
    const [ann, first, second, third, fourth] = all as [Client, Client, Client, Client, Client] // as many as were asked for
    for (const client of all) client.subscribe()
    connect(ann, first)
    ann.announce()
    let looks = 0
    ann.listener.held = () => {
      looks++
      return []
    }
    connect(ann, second)
    connect(ann, third)
    await env.advance(1_000)
    const counts = () => [first, second, third].map(other => asks(other).length)
    expect([counts(), looks]).toEqual([[2, 1, 1], 1]) // the first of them also when we announced ourselves
    await env.advance(5_000)
    expect([counts(), looks]).toEqual([[3, 2, 2], 2])
    ann.announce({ numwant: 0 })
    connect(ann, fourth)
    await env.advance(1_000)
    expect(asks(fourth)).toEqual([])
  })

  test('whoever comes behind somebody who says nothing is asked as soon', async () => {
    const { env, all } = clients(3)
    const [ann, silent, other] = all as [Client, Client, Client] // as many as were asked for
    for (const client of all) client.subscribe()
    connect(ann, silent)
    ann.announce()
    await env.advance(500)
    connect(ann, other)
    await env.advance(200)
    expect([asks(silent).length, asks(other).length]).toEqual([2, 1])
  })

  test('whoever hears of us too late for the first question gets the second, and nobody who replied', async () => {
    const { env, all } = clients(3)
    const [ann, mid, bob] = all as [Client, Client, Client] // as many as were asked for
    for (const client of all) client.subscribe()
    connect(bob, mid)
    connect(ann, mid)
    const port = mid.ports.get(ann.id)!
    mid.relay.left(TOPIC, port)
    ann.announce()
    await env.advance(500)
    expect([asks(mid).length, ann.relay.callees(TOPIC)]).toEqual([2, []])
    mid.relay.joined(TOPIC, port)
    await env.advance(2_000)
    expect([asks(mid).length, ann.relay.callees(TOPIC)]).toEqual([3, [bob.id]])
    const late = new Client(env)
    late.subscribe()
    connect(late, mid)
    late.announce()
    await env.advance(5_000)
    expect(asks(mid).length).toBe(4)
  })

  test('D5 the question says whom we know, and those are not named', async () => {
    const { env, ann, mid, bob, meet } = await three()
    const other = new Client(env)
    other.subscribe()
    connect(other, mid)
    ann.listener.held = () => [mid.id, bob.id]
    ann.announce()
    await env.advance(2 * LATENCY)
    expect(ann.heard.filter(({ type }) => type === 'members')).toMatchObject([{ members: [other.id] }])
    ann.heard.length = 0
    ann.listener.held = () => [mid.id, bob.id, other.id]
    ann.announce()
    await env.advance(2 * LATENCY)
    expect(ann.heard).toEqual([]) // where there is nobody to name nothing is said
    await meet()
    expect(ann.listener.callees).toContain(bob.id)
  })

  test('as many are named as were asked for', async () => {
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
    expect(named.size).toBeGreaterThan(4) // by chance, not always the same
  })
})

describe('X2 a topic is its members’ own affair', () => {
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
    ann.relay.left(TOPIC, ann.ports.get(bob.id)!)
    expect([ann.listener.log, ann.announce()]).toEqual([['open', 'close'], false])
    connect(ann, mid)
    expect(ann.listener.log).toEqual(['open', 'close', 'open'])
    for (const { relay } of all) relay.close()
    expect(ann.listener.log).toEqual(['open', 'close', 'open', 'close'])
    await env.advance(LATENCY)
    expect([env.pendingTimers, ann.relay.status()]).toMatchObject([0, { state: 'closed', ports: 0, topics: 0 }])
    expect(() => ann.subscribe()).toThrow('was closed')
  })

  test('one that nobody subscribed to is neither named nor passed on', async () => {
    const { env, all } = clients(3)
    const [ann, mid, bob] = all as [Client, Client, Client] // as many as were asked for
    for (const client of [ann, bob]) client.subscribe(OTHER_TOPIC)
    mid.subscribe(TOPIC)
    for (const client of [ann, bob]) connect(client, mid, [OTHER_TOPIC])
    ann.announce({ topic: OTHER_TOPIC })
    ann.relay.repair(OTHER_TOPIC, bob.id, Uint8Array.of(1))
    await env.advance(1_000)
    expect([ann.heard, bob.repairs]).toEqual([[], []])
    expect(mid.relay.status()).toMatchObject({ passedOn: 0, dropped: { misplaced: 3 } })
  })

  test('a peer that shares another topic with us learns nothing of this one, and cannot be reached under it', async () => {
    const { env, all } = clients(3)
    const [ann, mid, eve] = all as [Client, Client, Client] // as many as were asked for
    for (const client of all) {
      client.subscribe(TOPIC)
      client.relay.subscribe(OTHER_TOPIC, new Listener())
    }
    connect(ann, mid, [TOPIC])
    connect(eve, mid, [OTHER_TOPIC])
    eve.relay.joined(TOPIC, eve.ports.get(mid.id)!) // so she says; mid knows better
    eve.announce()
    eve.relay.repair(TOPIC, ann.id, Uint8Array.of(1))
    ann.announce()
    ann.relay.repair(TOPIC, eve.id, Uint8Array.of(1))
    await env.advance(1_000)
    expect([eve.relay.callees(TOPIC), ann.relay.callees(TOPIC)]).toEqual([[], []])
    expect([eve.repairs, ann.repairs]).toEqual([[], []])
    expect(mid.relay.status().dropped).toEqual({ misplaced: 3, absent: 1 })
  })

  test('has one listener, and after its end nothing is asked or passed on', async () => {
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
    expect([other.announce(), other.call(bob), other.answer(ann), other.relay.callees(TOPIC)]).toEqual([false, false, false, []])
    expect(env.pendingTimers).toBe(0)
  })

  test('a listener that throws keeps nobody else from hearing', async () => {
    const { env, ann, mid, bob, meet } = await three()
    ann.listener.onCallee = () => {
      throw new Error('a mistake')
    }
    await meet()
    expect(ann.relay.status().dropped).toEqual({ listener: 1 })
    expect(ann.call(bob)).toBe(true)
    bob.listener.offer = () => {
      throw new Error('another')
    }
    await env.advance(THERE_AND_BACK)
    expect([bob.relay.status().dropped, mid.relay.status().passedOn]).toEqual([{ listener: 1 }, 1])
    expect(bob.answer(ann)).toBe(true)
  })

  test('the same peer over a new connection takes the place of the old', async () => {
    const { env, ann, mid, bob, meet } = await three()
    await meet()
    const former = ann.ports.get(mid.id)!
    connect(ann, mid)
    ann.relay.gone(former)
    expect([ann.listener.log, ann.relay.callees(TOPIC)]).toEqual([['open'], []])
    await meet()
    expect(ann.call(bob)).toBe(true)
    await env.advance(THERE_AND_BACK)
    expect(bob.listener.offers).toHaveLength(1)
    ann.relay.joined(TOPIC, ann.ports.get(mid.id)!) // as it did already
    expect([ann.listener.refusals, ann.relay.callees(TOPIC)]).toEqual([[], [bob.id]])
    expect(ann.relay.announce(announcement(ann.id))).toBe(true)
  })
})
