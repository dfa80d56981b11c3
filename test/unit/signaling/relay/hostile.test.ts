import { describe, expect, test } from 'vitest'
import { randomId, type Id } from '../../../../src/core/id.js'
import { MAX_CANDIDATES, parseSdp } from '../../../../src/core/sdp.js'
import { writeCandidate, writeDescription } from '../../../../src/signaling/relay/letters.js'
import { MAX_MEMBERS } from '../../../../src/signaling/relay/members.js'
import { MAX_NAMED, type Letter } from '../../../../src/signaling/relay/wire.js'
import { offerSdp } from '../../../support/sdp-samples.js'
import { VirtualEnv } from '../../../support/virtual-env.js'
import { answer, Client, HIGHEST, offer, OFFER, OTHER_TOPIC, Stranger, TOPIC } from './relay-net.js'

const letter = (kind: 'offer' | 'answer' | 'candidate' | 'refusal', offerId: Id = OFFER, text = offer): Letter => ({
  kind,
  offerId,
  body: writeDescription(text),
})
const CANDIDATE = writeCandidate({ candidate: 'candidate:1 1 UDP 1 192.0.2.9 9 typ host', sdpMid: '0' })

/** One client that announced itself, among neighbours of any kind. */
function setUp(neighbours: number) {
  const env = new VirtualEnv()
  const client = new Client(env, HIGHEST)
  client.subscribe()
  const ports = Array.from({ length: neighbours }, () => new Stranger(client, randomId(env)))
  client.announce()
  const ids = (count: number) => Array.from({ length: count }, () => randomId(env))
  /** The neighbour names these when it is asked. */
  const name = (port: Stranger, members: Id[]) => port.says({ type: 'members', topic: TOPIC, members })
  const passes = (port: Stranger, peer: Id, what: Letter) => port.says({ type: 'pass', topic: TOPIC, peer, letter: what })
  const passed = (port: Stranger, peer: Id, what: Letter) => port.says({ type: 'passed', topic: TOPIC, peer, letter: what })
  const dropped = () => client.relay.status().dropped
  /** What came last is found false. */
  const distrust = (heard = client.listener.offers) => {
    const last = heard.at(-1)
    if (last !== undefined) client.relay.distrust(last)
  }
  return { env, client, distrust, ports: ports as [Stranger, Stranger, Stranger], ids, name, passes, passed, dropped } // of which a test uses as many as it asked for
}

const ask = { type: 'ask', topic: TOPIC, want: MAX_NAMED, filter: new Uint8Array(6) } as const

describe('X2 floods', () => {
  test('of questions: twenty at once are answered, then two a second', async () => {
    const { env, ports, dropped } = setUp(2)
    const [eve] = ports
    for (let i = 0; i < 100; i++) eve.says(ask)
    expect([eve.of('members').length, dropped()]).toEqual([20, { 'too-fast': 80 }])
    await env.advance(3_000)
    for (let i = 0; i < 100; i++) eve.says(ask)
    expect(eve.of('members')).toHaveLength(26)
  })

  test('of letters: two hundred and fifty of one neighbour at once are passed on, then twenty-five a second', async () => {
    const { env, client, ports, passes, dropped } = setUp(21)
    const [eve, ...others] = ports
    const flood = () => {
      for (let i = 0; i < 25; i++) for (const { remote } of others) passes(eve, remote, letter('offer'))
    }
    flood()
    expect([client.relay.status().passedOn, dropped()]).toEqual([250, { 'too-fast': 250 }])
    await env.advance(1_000)
    flood()
    expect(client.relay.status().passedOn).toBe(275)
  })

  test.each([
    { of: 'many', size: 10 },
    { of: 'large', size: 20 * 1_024 },
  ])('of $of letters to one: whoever sends them leaves room on the way for others', async ({ size }) => {
    const { env, ports, passes } = setUp(5)
    const [eve, bob, ...others] = ports
    bob.room = { messages: 250, bytes: 256 * 1_024 } // what a connection takes for a remote that is slow
    const flood = () => {
      for (let i = 0; i < 250; i++) passes(eve, bob.remote, { kind: 'offer', offerId: OFFER, body: new Uint8Array(size) })
    }
    const taken = () => new Set(bob.of('passed').map(({ peer }) => peer))
    flood()
    for (const port of others) passes(port, bob.remote, letter('offer'))
    expect(taken()).toEqual(new Set([eve, ...others].map(({ remote }) => remote)))
    bob.told.length = 0
    await env.advance(10_000)
    flood()
    for (const port of others) passes(port, bob.remote, letter('offer'))
    expect(taken()).toEqual(new Set([eve, ...others].map(({ remote }) => remote)))
    passes(eve, others[0].remote, letter('offer')) // to anybody else it sends as before
    expect(others[0].of('passed')).toHaveLength(1)
  })

  test('of letters to nobody, or to one who takes none, by a crowd: those of others are passed on as before [X2]', () => {
    const { client, ports, ids, passes } = setUp(40)
    const [ann, bob, deaf, ...crowd] = ports
    const [nobody] = ids(1)
    deaf.takes = false
    for (const port of crowd)
      for (let i = 0; i < 125; i++) for (const peer of [nobody, deaf.remote]) passes(port, peer ?? '', letter('offer'))
    expect(client.relay.status().passedOn).toBe(0)
    passes(ann, bob.remote, letter('offer'))
    expect(bob.of('passed')).toHaveLength(1)
  })

  test('of letters by a crowd: fifteen hundred at once in one topic, then two hundred a second', async () => {
    const { env, client, ports, passes } = setUp(40)
    const bob = ports[1]
    const flood = () => {
      for (const port of ports) if (port !== bob) for (let i = 0; i < 50; i++) passes(port, bob.remote, letter('candidate'))
    }
    flood()
    expect(client.relay.status().passedOn).toBe(1_500)
    await env.advance(2_000)
    flood()
    expect(client.relay.status().passedOn).toBe(1_900)
  })

  test('of offers: a hundred of one neighbour are read at once, then ten a second, and the others’ are read all the same', async () => {
    const { env, client, ports, ids, name, passed, dropped } = setUp(2)
    const flood = () => {
      for (const from of ids(200)) passed(ports[0], from, letter('offer'))
    }
    flood()
    expect([client.listener.offers.length, dropped()]).toEqual([100, { 'too-fast': 100 }])
    passed(ports[1], ports[0].remote, letter('offer'))
    expect(client.listener.offers).toHaveLength(101)
    const [bob = ''] = ids(1)
    name(ports[0], [bob])
    client.call(bob)
    passed(ports[0], bob, letter('answer', OFFER, answer)) // costs as much
    expect(client.listener.answers).toEqual([])
    await env.advance(1_000)
    flood()
    expect(client.listener.offers).toHaveLength(111)
  })

  test('of knocks: a hundred of one neighbour at once, then ten a second; each costs a name, and calls no more than its credit', async () => {
    const { env, client, ports, ids, passed, dropped } = setUp(1)
    const flood = () => {
      for (const from of ids(200)) passed(ports[0], from, { kind: 'knock' })
    }
    let calls = 0
    client.listener.onCallee = () => {
      for (const to of client.relay.callees(TOPIC)) if (client.call(to, randomId(env))) calls++
    }
    passed(ports[0], client.id, { kind: 'knock' }) // is not even counted
    flood()
    expect([client.relay.status().members, calls, dropped()]).toEqual([100, 32, { unasked: 1, 'too-fast': 100 }])
    for (let i = 0; i < 30; i++) {
      await env.advance(1_000)
      flood()
    }
    expect([client.relay.status().members, calls]).toEqual([MAX_MEMBERS, 32 + 15])
  })

  test('of knocks that are to be passed on: they count as any letter does', () => {
    const { client, ports, passes } = setUp(21)
    const [eve, ...others] = ports
    for (const { remote } of others) for (let i = 0; i < 10; i++) passes(eve, remote, { kind: 'knock' })
    for (const { remote } of others) for (let i = 0; i < 10; i++) passes(eve, remote, letter('offer'))
    expect(client.relay.status().passedOn).toBe(250)
  })

  test('of repairs: ten at once, then one a second, passed on or for us', async () => {
    const { env, client, ports, passes, passed } = setUp(2)
    const [eve, bob] = ports
    const repair: Letter = { kind: 'repair', body: Uint8Array.of(1) }
    for (let i = 0; i < 50; i++) passes(eve, bob.remote, repair)
    for (let i = 0; i < 50; i++) passed(bob, eve.remote, repair)
    expect([bob.of('passed').length, client.repairs.length]).toEqual([10, 10])
    await env.advance(2_000)
    for (let i = 0; i < 50; i++) passes(eve, bob.remote, repair)
    expect(bob.of('passed')).toHaveLength(12)
    passes(eve, bob.remote, letter('offer')) // has a pace of its own
    expect(bob.of('passed')).toHaveLength(13)
  })

  test('of candidates: as many as a description may have, of whom we called', () => {
    const { client, ports, ids, name, passed, dropped } = setUp(1)
    const [eve] = ports
    const [bob = '', other = ''] = ids(2)
    name(eve, [bob])
    client.call(bob)
    for (let i = 0; i < 100; i++) passed(eve, bob, { kind: 'candidate', offerId: OFFER, body: CANDIDATE })
    passed(eve, other, { kind: 'candidate', offerId: OFFER, body: CANDIDATE })
    expect(client.listener.candidates).toHaveLength(MAX_CANDIDATES)
    expect(dropped()).toEqual({ unasked: 101 - MAX_CANDIDATES })
  })

  test('of names: one reply to one question, and no more members than we keep', async () => {
    const { env, client, ports, ids, name, dropped } = setUp(1)
    const [eve] = ports
    const [first = '', second = ''] = ids(2)
    name(eve, [client.id, first, second])
    expect(client.relay.callees(TOPIC)).toEqual([second, first])
    client.announce()
    name(eve, ids(MAX_NAMED - 2))
    name(eve, ids(MAX_NAMED))
    expect([client.relay.status().members, dropped()]).toEqual([MAX_NAMED, { unasked: 1 }])
    for (let i = 0; i < 10; i++) {
      await env.advance(1_000)
      client.announce()
      name(eve, ids(MAX_NAMED))
    }
    expect(client.relay.status().members).toBe(MAX_MEMBERS)
    expect(client.relay.callees(TOPIC)).toHaveLength(32) // as many as it is trusted with
  })

  test('of offers that are kept in mind: the latest of each neighbour', async () => {
    const { env, client, ports, ids, passed } = setUp(1)
    const callers = ids(257)
    const answers = (to: Id) => client.relay.answer({ topic: TOPIC, from: client.id, to, offerId: OFFER, sdp: answer })
    for (const [i, from] of callers.entries()) {
      if (i === 256) expect(answers(callers[0]!)).toBe(true)
      passed(ports[0], from, letter('offer'))
      await env.advance(100)
    }
    expect([callers[0]!, callers[1]!, callers[256]!].map(answers)).toEqual([false, true, true])
  })

  test('a reply that came before its neighbour left and came again is none', () => {
    const { client, ports, ids, name, dropped } = setUp(1)
    client.relay.left(TOPIC, ports[0])
    client.relay.joined(TOPIC, ports[0])
    name(ports[0], ids(1))
    expect(dropped()).toEqual({ unasked: 1 })
  })

  test('our own questions keep to a pace that nobody drops', async () => {
    const { env, client, ports } = setUp(1)
    const [eve] = ports
    for (let i = 0; i < 100; i++) client.announce()
    expect(eve.of('ask')).toHaveLength(15)
    expect(client.announce()).toBe(false)
    await env.advance(1_000)
    expect(client.announce()).toBe(true)
    // Whoever comes with much in common is asked about the rest a little later.
    const topics = Array.from({ length: 20 }, () => randomId(env))
    for (const topic of topics) client.relay.subscribe(topic, client.listener)
    const first = new Stranger(client, randomId(env), topics)
    for (const topic of topics) client.announce({ topic })
    const second = new Stranger(client, randomId(env), topics)
    await env.advance(200)
    expect([first.of('ask').length, second.of('ask').length]).toEqual([15, 15])
    await env.advance(60_000)
    expect(new Set(second.of('ask').map(({ topic }) => topic)).size).toBe(20)
    expect(second.of('ask')).toHaveLength(40)
    expect(env.pendingTimers).toBe(0)
  })

  test('a port that takes nothing holds nothing up, and nothing waits for it', () => {
    const { client, ports, passes, dropped } = setUp(2)
    const [ann, bob] = ports
    bob.takes = false
    passes(ann, bob.remote, letter('offer'))
    passes(ann, bob.remote, letter('answer'))
    expect(ann.of('lost')).toEqual([{ type: 'lost', topic: TOPIC, peer: bob.remote, offerId: OFFER }])
    expect(dropped()).toEqual({ absent: 2 })
    bob.takes = true
    expect(bob.of('passed')).toEqual([])
    expect(client.relay.status().passedOn).toBe(0)
  })

  test('of anything: nothing throws, and each kind is counted', () => {
    const { client, ports, dropped } = setUp(1)
    const [eve] = ports
    const stranger = { remote: eve.remote, exchanges: true, send: () => true }
    client.relay.received(eve, new Uint8Array(30_000))
    client.relay.received(eve, new Uint8Array())
    client.relay.received(eve, Uint8Array.of(77))
    client.relay.received(stranger, Uint8Array.of(77))
    eve.says({ ...ask, topic: OTHER_TOPIC })
    eve.says({ type: 'lost', topic: TOPIC, peer: eve.remote, offerId: OFFER })
    expect(dropped()).toEqual({ malformed: 2, 'unknown-type': 1, stranger: 1, misplaced: 1, unasked: 1 })
  })
})

describe('X2 who lies', () => {
  test('whoever invents members costs a few calls, and then one in two seconds', async () => {
    const { env, client, ports, ids, name } = setUp(2)
    const [eve, bob] = ports
    const invented = ids(MAX_NAMED)
    const [real = ''] = ids(1)
    name(eve, invented)
    name(bob, [real])
    const call = () => {
      for (const to of client.relay.callees(TOPIC)) client.call(to, randomId(env))
      return eve.of('pass').length
    }
    for (let i = 0; i < 5; i++) call()
    expect(call()).toBe(32)
    expect(client.relay.callees(TOPIC)).toEqual([real]) // whom somebody else named
    eve.told.length = 0
    expect(client.announce()).toBe(true)
    expect([eve.told, bob.of('ask').length]).toEqual([[], 2]) // nor is it asked for more
    client.listener.onCallee = call
    await env.advance(20_000)
    expect([eve.of('pass').length, env.pendingTimers]).toEqual([10, 1])
  })

  test('whose members answer is trusted with more, and who waited for it is told', () => {
    const { env, client, ports, ids, name, passed } = setUp(1)
    const [mid] = ports
    const members = ids(MAX_NAMED)
    name(mid, members)
    const calls: Array<{ to: Id; offerId: Id }> = []
    const call = () => {
      for (const to of client.relay.callees(TOPIC)) {
        const offerId = randomId(env)
        if (!calls.some(made => made.to === to) && client.call(to, offerId)) calls.push({ to, offerId })
      }
    }
    call()
    expect(calls).toHaveLength(32)
    client.listener.callees.length = 0
    passed(mid, calls[0]!.to, letter('answer', calls[0]!.offerId, answer))
    expect(client.listener.callees).toHaveLength(1)
    passed(mid, calls[1]!.to, letter('refusal', calls[1]!.offerId))
    expect(client.listener.callees).toHaveLength(1)
    call()
    expect(calls).toHaveLength(36)
    // Once for each call, and only for one that was made.
    passed(mid, calls[0]!.to, letter('answer', calls[0]!.offerId, answer))
    passed(mid, calls[1]!.to, letter('refusal', calls[1]!.offerId))
    passed(mid, calls[2]!.to, letter('answer', calls[3]!.offerId, answer))
    expect(client.relay.callees(TOPIC)).toEqual([])
    expect(client.listener.answers).toHaveLength(1)
    mid.told.length = 0
    expect([client.announce(), mid.told]).toEqual([true, []]) // nobody is left to ask, which is no reason to try again at once
  })

  test('nobody is trusted with more than sixty-four calls', async () => {
    const { env, client, ports, ids, name, passed } = setUp(1)
    const [mid] = ports
    for (let round = 0; round < 3; round++) {
      await env.advance(2_000)
      client.announce()
      name(mid, ids(MAX_NAMED))
    }
    for (let i = 0; i < 50; i++) {
      const to = client.relay.callees(TOPIC)[i]!
      client.call(to)
      passed(mid, to, letter('refusal'))
    }
    let calls = 0
    for (const to of client.relay.callees(TOPIC)) if (client.call(to)) calls++
    expect(calls).toBe(64)
  })

  test('calls leave by whom we trust most, and once more by another; the first answer counts', () => {
    const { client, ports, ids, name, passed } = setUp(2)
    const [mid, also] = ports
    const [ann = '', bob = '', carl = ''] = ids(3)
    name(also, [bob, carl])
    name(mid, [ann, bob, carl])
    for (const offerId of ids(4)) {
      client.call(ann, offerId)
      passed(mid, ann, letter('refusal', offerId))
    }
    mid.told.length = 0
    client.call(bob)
    client.call(carl)
    expect([mid, also].map(port => port.of('pass').map(({ peer }) => peer))).toEqual([[bob, carl], []])
    client.call(carl)
    expect(also.of('pass').map(({ peer }) => peer)).toEqual([carl])
    passed(also, carl, letter('answer', OFFER, answer))
    passed(mid, carl, letter('answer', OFFER, answer))
    expect(client.listener.answers).toHaveLength(1)
  })

  test('whoever does not answer is called again by a way that is new, and whoever did is not', async () => {
    const { env, client, ports, ids, name, passed } = setUp(3)
    const [mid, also, third] = ports
    const [ann = '', bob = ''] = ids(2)
    name(mid, [ann, bob])
    for (const [to, offerId] of [
      [ann, OFFER],
      [bob, TOPIC],
    ] as const)
      client.call(to, offerId)
    passed(mid, bob, letter('refusal', TOPIC))
    client.listener.callees.length = 0
    name(also, [ann, bob]) // before anybody could have answered
    expect(client.listener.callees).toEqual([])
    await env.advance(2_000)
    for (const port of [mid, also, third]) {
      client.announce()
      name(port, [ann, bob])
    }
    expect(client.listener.callees).toEqual([ann])
  })

  test('what cannot be read is lost by the way that it came, and another is tried', () => {
    const { client, ports, ids, name, passed } = setUp(2)
    const [eve, also] = ports
    const [ann = '', bob = ''] = ids(2)
    name(eve, [ann, bob])
    client.call(ann)
    name(also, [ann])
    client.listener.callees.length = 0
    passed(eve, ann, letter('answer', OFFER, offerSdp)) // without an identity
    expect([client.listener.refusals, client.listener.callees]).toEqual([[{ from: ann, offerId: OFFER }], [ann]])
    client.call(ann, TOPIC)
    expect(also.of('pass')).toHaveLength(1)
    passed(eve, bob, letter('offer', OFFER, 'v=0'))
    expect(client.relay.callees(TOPIC)).toEqual([ann])
  })

  test('a call is lost when each way says so', () => {
    const { client, ports, ids, name } = setUp(2)
    const [mid, also] = ports
    const [ann = ''] = ids(1)
    for (const port of [mid, also]) name(port, [ann])
    for (let i = 0; i < 2; i++) client.call(ann)
    mid.says({ type: 'lost', topic: TOPIC, peer: ann, offerId: OFFER })
    expect([client.listener.refusals, client.relay.callees(TOPIC)]).toEqual([[], [ann]])
    also.says({ type: 'lost', topic: TOPIC, peer: ann, offerId: OFFER })
    expect([client.listener.refusals, client.relay.callees(TOPIC)]).toEqual([[{ from: ann, offerId: OFFER }], []])
  })

  test('a word about a broken connection leaves by two, those first that named its peer', () => {
    const { client, ports, ids, name } = setUp(5)
    const [ann = ''] = ids(1)
    name(ports[1], [ann])
    expect(client.relay.repair(TOPIC, ann, Uint8Array.of(1))).toBe(true)
    expect(ports.map(port => port.of('pass').length).reduce((sum, count) => sum + count)).toBe(2)
    expect(ports[1].of('pass')).toEqual([
      { type: 'pass', topic: TOPIC, peer: ann, letter: { kind: 'repair', body: Uint8Array.of(1) } },
    ])
    for (const port of ports) {
      expect(client.relay.repair(TOPIC, port.remote, Uint8Array.of(1))).toBe(true)
      expect(port.of('pass').map(({ peer }) => peer)).not.toContain(port.remote)
    }
    for (const port of ports) port.takes = false
    expect(client.relay.repair(TOPIC, ann, Uint8Array.of(1))).toBe(false)
  })

  test('an offer under one topic is not answered under another', () => {
    const { client, ports, ids, passed } = setUp(1)
    const [from = ''] = ids(1)
    client.relay.subscribe(OTHER_TOPIC, client.listener)
    client.relay.joined(OTHER_TOPIC, ports[0])
    passed(ports[0], from, letter('offer'))
    const to = { from: client.id, to: from, offerId: OFFER, sdp: answer }
    expect([OTHER_TOPIC, TOPIC].map(topic => client.relay.answer({ ...to, topic }))).toEqual([false, true])
  })

  test('a thousand liars are remembered', () => {
    const { env, client, distrust, ids, passed } = setUp(1)
    const liars = ids(1_001)
    for (const liar of liars) {
      const port = new Stranger(client, liar)
      passed(port, randomId(env), letter('offer'))
      distrust()
    }
    expect(client.relay.status()).toMatchObject({ ports: 1, distrusted: 1_000 })
    for (const liar of liars) client.relay.joined(TOPIC, { remote: liar, exchanges: true, send: () => true })
    expect(client.relay.status().ports).toBe(2)
  })

  test('whoever swaps an answer is no relay any more, and cannot come back as one', () => {
    const { client, distrust, ports, ids, name, passes, passed } = setUp(3)
    const [eve, bob] = ports
    const [carl = '', dora = ''] = ids(2)
    name(eve, [carl, dora])
    client.call(carl)
    client.call(dora, TOPIC)
    client.relay.distrust({ from: carl, offerId: OFFER, sdp: parseSdp(answer) }) // nobody brought that
    expect(client.relay.status().ports).toBe(3)
    passed(eve, carl, letter('answer', OFFER, answer))
    expect(client.listener.answers).toHaveLength(1)
    distrust(client.listener.answers)
    expect(client.relay.status()).toMatchObject({ ports: 2, members: 0 })
    expect(client.listener.refusals).toEqual([{ from: dora, offerId: TOPIC }]) // that one need not wait either
    eve.told.length = 0
    passed(eve, carl, letter('offer', TOPIC))
    passes(eve, bob.remote, letter('offer'))
    eve.says(ask)
    client.relay.joined(TOPIC, eve)
    const again = new Stranger(client, eve.remote)
    again.says(ask)
    bob.says(ask)
    client.announce()
    expect([client.listener.offers, eve.told, again.told, bob.of('passed')]).toEqual([[], [], [], []])
    expect(bob.of('members')[0]?.members).toEqual([ports[2].remote])
  })

  test('whoever swaps an offer too', () => {
    const { client, distrust, ports, ids, passed } = setUp(2)
    const [eve, bob] = ports
    const [carl = ''] = ids(1)
    passed(eve, carl, letter('offer'))
    distrust()
    expect(client.relay.status().ports).toBe(1)
    passed(bob, carl, letter('offer', TOPIC))
    expect(client.listener.offers.map(({ offerId }) => offerId)).toEqual([OFFER, TOPIC])
  })

  test('whoever signs badly to have relays accused is found out at the second', () => {
    const { env, client, distrust, ports, ids, name, passed } = setUp(3)
    const [eve = ''] = ids(1)
    client.announce()
    for (const port of ports) name(port, [eve])
    for (const port of ports) {
      const offerId = randomId(env)
      passed(port, eve, letter('offer', offerId))
      distrust()
    }
    expect(client.listener.offers).toHaveLength(2)
    expect([client.relay.status().ports, client.relay.callees(TOPIC)]).toEqual([1, []])
  })

  test('whoever signs badly and calls through many at once costs us one of them', () => {
    const { client, distrust, ports, ids, passed } = setUp(20)
    const [eve = ''] = ids(1)
    for (const port of ports) passed(port, eve, letter('offer'))
    distrust()
    expect(client.relay.status().ports).toBe(19)
  })

  test('a description without an identity does not come through others', () => {
    const { client, ports, ids, passed, dropped } = setUp(1)
    const [from = ''] = ids(1)
    passed(ports[0], from, letter('offer', OFFER, offerSdp))
    passed(ports[0], from, letter('offer', OFFER, 'v=0'))
    expect([client.listener.offers, dropped()]).toEqual([[], { malformed: 2 }])
    expect(client.relay.answer({ topic: TOPIC, from: client.id, to: from, offerId: OFFER, sdp: answer })).toBe(false)
  })

  test('answers, refusals and losses are those of whom we called, by the way we called', () => {
    const { client, ports, ids, name, passed, dropped } = setUp(2)
    const [eve, bob] = ports
    const [carl = '', dora = ''] = ids(2)
    name(bob, [carl, dora])
    client.call(carl)
    for (const [port, from] of [
      [eve, carl],
      [bob, dora],
    ] as const) {
      passed(port, from, letter('answer', OFFER, answer))
      passed(port, from, letter('refusal'))
      port.says({ type: 'lost', topic: TOPIC, peer: from, offerId: OFFER })
    }
    expect([client.listener.answers, client.listener.refusals, dropped()]).toEqual([[], [], { unasked: 6 }])
    passed(bob, carl, letter('answer', OFFER, answer))
    bob.says({ type: 'lost', topic: TOPIC, peer: carl, offerId: OFFER }) // too late to be true
    expect([client.listener.answers.length, client.listener.refusals]).toEqual([1, []])
  })

  test('a letter is passed on under the name of who sent it, and never back to it', () => {
    const { client, ports, passes } = setUp(2)
    const [ann, bob] = ports
    passes(ann, bob.remote, letter('offer'))
    expect(bob.of('passed')).toMatchObject([{ peer: ann.remote, letter: { kind: 'offer', offerId: OFFER } }])
    passes(ann, ann.remote, letter('offer'))
    expect([ann.of('passed'), ann.of('lost').length]).toEqual([[], 1])
    expect(client.listener.offers).toEqual([])
  })

  test('a filter of ones gets no answer, one of zeros no more than was asked for', () => {
    const { ports } = setUp(40)
    const [eve] = ports
    eve.says({ ...ask, filter: new Uint8Array(200).fill(255) })
    expect(eve.of('members')).toEqual([])
    eve.says({ ...ask, want: 0 })
    expect(eve.of('members')).toEqual([])
    eve.says({ ...ask, want: 5 })
    expect(eve.of('members')[0]?.members).toHaveLength(5)
    expect(eve.of('members')[0]?.members).not.toContain(eve.remote)
  })
})
