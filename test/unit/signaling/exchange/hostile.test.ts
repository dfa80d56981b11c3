import { describe, expect, test } from 'vitest'
import { utf8 } from '../../../../src/core/bytes.js'
import { randomId, type Id } from '../../../../src/core/id.js'
import { MAX_CANDIDATES, parseSdp } from '../../../../src/core/sdp.js'
import { writeCandidate } from '../../../../src/signaling/exchange/payload-codec.js'
import { MAX_MEMBERS } from '../../../../src/signaling/exchange/known-members.js'
import { MAX_NAMED, type Payload } from '../../../../src/signaling/exchange/codec.js'
import { offerSdp } from '../../../support/sdp-samples.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'
import { answer, Client, HIGHEST, offer, OFFER, OTHER_TOPIC, ScriptedPeer, TOPIC } from './relay-net.js'

const payload = (kind: 'offer' | 'answer' | 'candidate' | 'refusal', offerId: Id = OFFER, text = offer): Payload => ({
  kind,
  offerId,
  body: utf8.encode(text),
})
const CANDIDATE = writeCandidate({ candidate: 'candidate:1 1 UDP 1 192.0.2.9 9 typ host', sdpMid: '0' })

/** One client that announced itself, and scripted relays. */
function setUp(relays: number) {
  const env = new VirtualEnv()
  const client = new Client(env, HIGHEST)
  client.subscribe()
  const ports = Array.from({ length: relays }, () => new ScriptedPeer(client, randomId(env)))
  client.announce()
  const ids = (count: number) => Array.from({ length: count }, () => randomId(env))
  /** The relay replies to a query with these members. */
  const name = (port: ScriptedPeer, members: Id[]) => port.says({ type: 'members', topic: TOPIC, members })
  const passes = (port: ScriptedPeer, peer: Id, it: Payload) => port.says({ type: 'forward', topic: TOPIC, peer, payload: it })
  const passed = (port: ScriptedPeer, peer: Id, it: Payload) => port.says({ type: 'forwarded', topic: TOPIC, peer, payload: it })
  const dropped = () => client.exchange.status().dropped
  /** Reports the last description as forged. */
  const distrust = (heard = client.listener.offers) => {
    const last = heard.at(-1)
    if (last !== undefined) client.exchange.distrust(last)
  }
  return { env, client, distrust, ports: ports as [ScriptedPeer, ScriptedPeer, ScriptedPeer], ids, name, passes, passed, dropped } // of which a test uses as many as it asked for
}

const query = { type: 'query', topic: TOPIC, want: MAX_NAMED, filter: new Uint8Array(6) } as const

describe('floods [X2]', () => {
  test('answers 20 queries at once, then 2 per second', async () => {
    const { env, ports, dropped } = setUp(2)
    const [eve] = ports
    for (let i = 0; i < 100; i++) eve.says(query)
    expect([eve.of('members').length, dropped()]).toEqual([20, { 'too-fast': 80 }])
    await env.advance(3_000)
    for (let i = 0; i < 100; i++) eve.says(query)
    expect(eve.of('members')).toHaveLength(26)
  })

  test('forwards 250 payloads of one sender at once, then 25 per second', async () => {
    const { env, client, ports, passes, dropped } = setUp(21)
    const [eve, ...others] = ports
    const flood = () => {
      for (let i = 0; i < 25; i++) for (const { remote } of others) passes(eve, remote, payload('offer'))
    }
    flood()
    expect([client.exchange.status().passedOn, dropped()]).toEqual([250, { 'too-fast': 250 }])
    await env.advance(1_000)
    flood()
    expect(client.exchange.status().passedOn).toBe(275)
  })

  test.each([
    { of: 'many', size: 10 },
    { of: 'large', size: 20 * 1_024 },
  ])('leaves room for other senders when one sends $of payloads to one receiver', async ({ size }) => {
    const { env, ports, passes } = setUp(5)
    const [eve, bob, ...others] = ports
    bob.room = { messages: 250, bytes: 256 * 1_024 } // what a connection buffers for a slow remote
    const flood = () => {
      for (let i = 0; i < 250; i++) passes(eve, bob.remote, { kind: 'offer', offerId: OFFER, body: new Uint8Array(size) })
    }
    const taken = () => new Set(bob.of('forwarded').map(({ peer }) => peer))
    flood()
    for (const port of others) passes(port, bob.remote, payload('offer'))
    expect(taken()).toEqual(new Set([eve, ...others].map(({ remote }) => remote)))
    bob.told.length = 0
    await env.advance(10_000)
    flood()
    for (const port of others) passes(port, bob.remote, payload('offer'))
    expect(taken()).toEqual(new Set([eve, ...others].map(({ remote }) => remote)))
    passes(eve, others[0].remote, payload('offer')) // other receivers are not affected
    expect(others[0].of('forwarded')).toHaveLength(1)
  })

  test('keeps forwarding while many senders flood an absent peer and one that takes nothing [X2]', () => {
    const { client, ports, ids, passes } = setUp(40)
    const [ann, bob, full, ...crowd] = ports
    const [absent] = ids(1)
    full.takes = false
    for (const port of crowd)
      for (let i = 0; i < 125; i++) for (const peer of [absent, full.remote]) passes(port, peer ?? '', payload('offer'))
    expect(client.exchange.status().passedOn).toBe(0)
    passes(ann, bob.remote, payload('offer'))
    expect(bob.of('forwarded')).toHaveLength(1)
  })

  test('forwards 1500 payloads of one topic at once, from all senders together, then 200 per second', async () => {
    const { env, client, ports, passes } = setUp(40)
    const bob = ports[1]
    const flood = () => {
      for (const port of ports) if (port !== bob) for (let i = 0; i < 50; i++) passes(port, bob.remote, payload('candidate'))
    }
    flood()
    expect(client.exchange.status().passedOn).toBe(1_500)
    await env.advance(2_000)
    flood()
    expect(client.exchange.status().passedOn).toBe(1_900)
  })

  test('reads 100 offers of one relay at once, then 10 per second, and those of other relays regardless', async () => {
    const { env, client, ports, ids, name, passed, dropped } = setUp(2)
    const flood = () => {
      for (const from of ids(200)) passed(ports[0], from, payload('offer'))
    }
    flood()
    expect([client.listener.offers.length, dropped()]).toEqual([100, { 'too-fast': 100 }])
    passed(ports[1], ports[0].remote, payload('offer'))
    expect(client.listener.offers).toHaveLength(101)
    const [bob = ''] = ids(1)
    name(ports[0], [bob])
    client.call(bob)
    passed(ports[0], bob, payload('answer', OFFER, answer)) // counts against the same rate limit
    expect(client.listener.answers).toEqual([])
    await env.advance(1_000)
    flood()
    expect(client.listener.offers).toHaveLength(111)
  })

  test('takes 100 dial requests of one relay at once, then 10 per second, and dials within its credit', async () => {
    const { env, client, ports, ids, passed, dropped } = setUp(1)
    const flood = () => {
      for (const from of ids(200)) passed(ports[0], from, { kind: 'dial-request' })
    }
    let calls = 0
    client.listener.onCallee = () => {
      for (const to of client.exchange.dialable(TOPIC)) if (client.call(to, randomId(env))) calls++
    }
    passed(ports[0], client.id, { kind: 'dial-request' }) // is not even counted
    flood()
    expect([client.exchange.status().members, calls, dropped()]).toEqual([100, 32, { unasked: 1, 'too-fast': 100 }])
    for (let i = 0; i < 30; i++) {
      await env.advance(1_000)
      flood()
    }
    expect([client.exchange.status().members, calls]).toEqual([MAX_MEMBERS, 32 + 15])
  })

  test('counts dial requests against the rate limit of forwarded payloads', () => {
    const { client, ports, passes } = setUp(21)
    const [eve, ...others] = ports
    for (const { remote } of others) for (let i = 0; i < 10; i++) passes(eve, remote, { kind: 'dial-request' })
    for (const { remote } of others) for (let i = 0; i < 10; i++) passes(eve, remote, payload('offer'))
    expect(client.exchange.status().passedOn).toBe(250)
  })

  test('takes 10 repairs at once, then 1 per second, forwarded or for this client', async () => {
    const { env, client, ports, passes, passed } = setUp(2)
    const [eve, bob] = ports
    const repair: Payload = { kind: 'repair', body: Uint8Array.of(1) }
    for (let i = 0; i < 50; i++) passes(eve, bob.remote, repair)
    for (let i = 0; i < 50; i++) passed(bob, eve.remote, repair)
    expect([bob.of('forwarded').length, client.repairs.length]).toEqual([10, 10])
    await env.advance(2_000)
    for (let i = 0; i < 50; i++) passes(eve, bob.remote, repair)
    expect(bob.of('forwarded')).toHaveLength(12)
    passes(eve, bob.remote, payload('offer')) // has its own rate limit
    expect(bob.of('forwarded')).toHaveLength(13)
  })

  test('takes as many candidates as a description may have, only from members that it dialled', () => {
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

  test('takes one reply per query, and keeps at most MAX_MEMBERS members', async () => {
    const { env, client, ports, ids, name, dropped } = setUp(1)
    const [eve] = ports
    const [first = '', second = ''] = ids(2)
    name(eve, [client.id, first, second])
    expect(client.exchange.dialable(TOPIC)).toEqual([second, first])
    client.announce()
    name(eve, ids(MAX_NAMED - 2))
    name(eve, ids(MAX_NAMED))
    expect([client.exchange.status().members, dropped()]).toEqual([MAX_NAMED, { unasked: 1 }])
    for (let i = 0; i < 10; i++) {
      await env.advance(1_000)
      client.announce()
      name(eve, ids(MAX_NAMED))
    }
    expect(client.exchange.status().members).toBe(MAX_MEMBERS)
    expect(client.exchange.dialable(TOPIC)).toHaveLength(32) // within the relay's credit
  })

  test('remembers the routes of the latest 256 offers per relay', async () => {
    const { env, client, ports, ids, passed } = setUp(1)
    const callers = ids(257)
    const answers = (to: Id) => client.exchange.answer({ topic: TOPIC, from: client.id, to, offerId: OFFER, sdp: answer })
    for (const [i, from] of callers.entries()) {
      if (i === 256) expect(answers(callers[0]!)).toBe(true)
      passed(ports[0], from, payload('offer'))
      await env.advance(100)
    }
    expect([callers[0]!, callers[1]!, callers[256]!].map(answers)).toEqual([false, true, true])
  })

  test('drops a reply to a query from before its relay left and joined again', () => {
    const { client, ports, ids, name, dropped } = setUp(1)
    client.exchange.left(TOPIC, ports[0])
    client.exchange.joined(TOPIC, ports[0])
    name(ports[0], ids(1))
    expect(dropped()).toEqual({ unasked: 1 })
  })

  test('sends queries below the rate limit of the receiver', async () => {
    const { env, client, ports } = setUp(1)
    const [eve] = ports
    for (let i = 0; i < 100; i++) client.announce()
    expect(eve.of('query')).toHaveLength(15)
    expect(client.announce()).toBe(false)
    await env.advance(1_000)
    expect(client.announce()).toBe(true)
    // A relay with many common topics is queried for the rest later.
    const topics = Array.from({ length: 20 }, () => randomId(env))
    for (const topic of topics) client.exchange.subscribe(topic, client.listener)
    const first = new ScriptedPeer(client, randomId(env), topics)
    for (const topic of topics) client.announce({ topic })
    const second = new ScriptedPeer(client, randomId(env), topics)
    await env.advance(200)
    expect([first.of('query').length, second.of('query').length]).toEqual([15, 15])
    await env.advance(60_000)
    expect(new Set(second.of('query').map(({ topic }) => topic)).size).toBe(20)
    expect(second.of('query')).toHaveLength(60)
    expect(env.pendingTimers).toBe(0)
  })

  test('queues nothing for a port that takes nothing', () => {
    const { client, ports, passes, dropped } = setUp(2)
    const [ann, bob] = ports
    bob.takes = false
    passes(ann, bob.remote, payload('offer'))
    passes(ann, bob.remote, payload('answer'))
    expect(ann.of('unreachable')).toEqual([{ type: 'unreachable', topic: TOPIC, peer: bob.remote, offerId: OFFER }])
    expect(dropped()).toEqual({ absent: 2 })
    bob.takes = true
    expect(bob.of('forwarded')).toEqual([])
    expect(client.exchange.status().passedOn).toBe(0)
  })

  test('counts every kind of bad frame and never throws', () => {
    const { client, ports, dropped } = setUp(1)
    const [eve] = ports
    const stranger = { remote: eve.remote, exchanges: true, send: () => true }
    client.exchange.received(eve, new Uint8Array(30_000))
    client.exchange.received(eve, new Uint8Array())
    client.exchange.received(eve, Uint8Array.of(77))
    client.exchange.received(stranger, Uint8Array.of(77))
    eve.says({ ...query, topic: OTHER_TOPIC })
    eve.says({ type: 'unreachable', topic: TOPIC, peer: eve.remote, offerId: OFFER })
    expect(dropped()).toEqual({ malformed: 2, 'unknown-type': 1, stranger: 1, misplaced: 1, unasked: 1 })
  })
})

describe('lying peers [X2]', () => {
  test('waste 32 dials by inventing members, and then one per 2 s', async () => {
    const { env, client, ports, ids, name } = setUp(2)
    const [eve, bob] = ports
    const invented = ids(MAX_NAMED)
    const [real = ''] = ids(1)
    name(eve, invented)
    name(bob, [real])
    const call = () => {
      for (const to of client.exchange.dialable(TOPIC)) client.call(to, randomId(env))
      return eve.of('forward').length
    }
    for (let i = 0; i < 5; i++) call()
    expect(call()).toBe(32)
    expect(client.exchange.dialable(TOPIC)).toEqual([real]) // named by the other relay
    eve.told.length = 0
    expect(client.announce()).toBe(true)
    expect([eve.told, bob.of('query').length]).toEqual([[], 2]) // without credit a relay is not queried
    client.listener.onCallee = call
    await env.advance(20_000)
    expect([eve.of('forward').length, env.pendingTimers]).toEqual([10, 1])
  })

  test('get more credit for each answered dial, and waiting members are then dialled', () => {
    const { env, client, ports, ids, name, passed } = setUp(1)
    const [mid] = ports
    const members = ids(MAX_NAMED)
    name(mid, members)
    const calls: Array<{ to: Id; offerId: Id }> = []
    const call = () => {
      for (const to of client.exchange.dialable(TOPIC)) {
        const offerId = randomId(env)
        if (!calls.some(made => made.to === to) && client.call(to, offerId)) calls.push({ to, offerId })
      }
    }
    call()
    expect(calls).toHaveLength(32)
    client.listener.callees.length = 0
    passed(mid, calls[0]!.to, payload('answer', calls[0]!.offerId, answer))
    expect(client.listener.callees).toHaveLength(1)
    passed(mid, calls[1]!.to, payload('refusal', calls[1]!.offerId))
    expect(client.listener.callees).toHaveLength(1)
    call()
    expect(calls).toHaveLength(36)
    // Credit once per dial, and only for a dial that was made.
    passed(mid, calls[0]!.to, payload('answer', calls[0]!.offerId, answer))
    passed(mid, calls[1]!.to, payload('refusal', calls[1]!.offerId))
    passed(mid, calls[2]!.to, payload('answer', calls[3]!.offerId, answer))
    expect(client.exchange.dialable(TOPIC)).toEqual([])
    expect(client.listener.answers).toHaveLength(1)
    mid.told.length = 0
    expect([client.announce(), mid.told]).toEqual([true, []]) // no relay has credit, and an announce retry would not help
  })

  test('never get credit for more than 64 dials', async () => {
    const { env, client, ports, ids, name, passed } = setUp(1)
    const [mid] = ports
    for (let round = 0; round < 3; round++) {
      await env.advance(2_000)
      client.announce()
      name(mid, ids(MAX_NAMED))
    }
    for (let i = 0; i < 50; i++) {
      const to = client.exchange.dialable(TOPIC)[i]!
      client.call(to)
      passed(mid, to, payload('refusal'))
    }
    let calls = 0
    for (const to of client.exchange.dialable(TOPIC)) if (client.call(to)) calls++
    expect(calls).toBe(64)
  })

  test('get the dial only when they have the most credit; a repeated dial takes another relay, and the first answer counts', () => {
    const { client, ports, ids, name, passed } = setUp(2)
    const [mid, also] = ports
    const [ann = '', bob = '', carl = ''] = ids(3)
    name(also, [bob, carl])
    name(mid, [ann, bob, carl])
    for (const offerId of ids(4)) {
      client.call(ann, offerId)
      passed(mid, ann, payload('refusal', offerId))
    }
    mid.told.length = 0
    client.call(bob)
    client.call(carl)
    expect([mid, also].map(port => port.of('forward').map(({ peer }) => peer))).toEqual([[bob, carl], []])
    client.call(carl)
    expect(also.of('forward').map(({ peer }) => peer)).toEqual([carl])
    passed(also, carl, payload('answer', OFFER, answer))
    passed(mid, carl, payload('answer', OFFER, answer))
    expect(client.listener.answers).toHaveLength(1)
  })

  test('cause a second dial through a new relay when the first is unanswered, and none when it was refused', async () => {
    const { env, client, ports, ids, name, passed } = setUp(3)
    const [mid, also, third] = ports
    const [ann = '', bob = ''] = ids(2)
    name(mid, [ann, bob])
    for (const [to, offerId] of [
      [ann, OFFER],
      [bob, TOPIC],
    ] as const)
      client.call(to, offerId)
    passed(mid, bob, payload('refusal', TOPIC))
    client.listener.callees.length = 0
    name(also, [ann, bob]) // before a reply was due
    expect(client.listener.callees).toEqual([])
    await env.advance(2_000)
    for (const port of [mid, also, third]) {
      client.announce()
      name(port, [ann, bob])
    }
    expect(client.listener.callees).toEqual([ann])
  })

  test('lose their route when they forward an unreadable description, and another relay is tried', () => {
    const { client, ports, ids, name, passed } = setUp(2)
    const [eve, also] = ports
    const [ann = '', bob = ''] = ids(2)
    name(eve, [ann, bob])
    client.call(ann)
    name(also, [ann])
    client.listener.callees.length = 0
    passed(eve, ann, payload('answer', OFFER, offerSdp)) // without an identity
    expect([client.listener.refusals, client.listener.callees]).toEqual([[{ from: ann, offerId: OFFER }], [ann]])
    client.call(ann, TOPIC)
    expect(also.of('forward')).toHaveLength(1)
    passed(eve, bob, payload('offer', OFFER, 'v=0'))
    expect(client.exchange.dialable(TOPIC)).toEqual([ann])
  })

  test('cannot end a dial that another relay still carries', () => {
    const { client, ports, ids, name } = setUp(2)
    const [mid, also] = ports
    const [ann = ''] = ids(1)
    for (const port of [mid, also]) name(port, [ann])
    for (let i = 0; i < 2; i++) client.call(ann)
    mid.says({ type: 'unreachable', topic: TOPIC, peer: ann, offerId: OFFER })
    expect([client.listener.refusals, client.exchange.dialable(TOPIC)]).toEqual([[], [ann]])
    also.says({ type: 'unreachable', topic: TOPIC, peer: ann, offerId: OFFER })
    expect([client.listener.refusals, client.exchange.dialable(TOPIC)]).toEqual([[{ from: ann, offerId: OFFER }], []])
  })

  test('get a repair payload with at most one other relay, those that named the peer first', () => {
    const { client, ports, ids, name } = setUp(5)
    const [ann = ''] = ids(1)
    name(ports[1], [ann])
    expect(client.exchange.repair(TOPIC, ann, Uint8Array.of(1))).toBe(true)
    expect(ports.map(port => port.of('forward').length).reduce((sum, count) => sum + count)).toBe(2)
    expect(ports[1].of('forward')).toEqual([
      { type: 'forward', topic: TOPIC, peer: ann, payload: { kind: 'repair', body: Uint8Array.of(1) } },
    ])
    for (const port of ports) {
      expect(client.exchange.repair(TOPIC, port.remote, Uint8Array.of(1))).toBe(true)
      expect(port.of('forward').map(({ peer }) => peer)).not.toContain(port.remote)
    }
    for (const port of ports) port.takes = false
    expect(client.exchange.repair(TOPIC, ann, Uint8Array.of(1))).toBe(false)
  })

  test('cannot have an offer of one topic answered under another', () => {
    const { client, ports, ids, passed } = setUp(1)
    const [from = ''] = ids(1)
    client.exchange.subscribe(OTHER_TOPIC, client.listener)
    client.exchange.joined(OTHER_TOPIC, ports[0])
    passed(ports[0], from, payload('offer'))
    const to = { from: client.id, to: from, offerId: OFFER, sdp: answer }
    expect([OTHER_TOPIC, TOPIC].map(topic => client.exchange.answer({ ...to, topic }))).toEqual([false, true])
  })

  test('are remembered, the latest 1000', () => {
    const { env, client, distrust, ids, passed } = setUp(1)
    const liars = ids(1_001)
    for (const liar of liars) {
      const port = new ScriptedPeer(client, liar)
      passed(port, randomId(env), payload('offer'))
      distrust()
    }
    expect(client.exchange.status()).toMatchObject({ ports: 1, distrusted: 1_000 })
    for (const liar of liars) client.exchange.joined(TOPIC, { remote: liar, exchanges: true, send: () => true })
    expect(client.exchange.status().ports).toBe(2)
  })

  test('are never used as a relay again after they swapped an answer', () => {
    const { client, distrust, ports, ids, name, passes, passed } = setUp(3)
    const [eve, bob] = ports
    const [carl = '', dora = ''] = ids(2)
    name(eve, [carl, dora])
    client.call(carl)
    client.call(dora, TOPIC)
    client.exchange.distrust({ from: carl, offerId: OFFER, sdp: parseSdp(answer) }) // no relay forwarded that description
    expect(client.exchange.status().ports).toBe(3)
    passed(eve, carl, payload('answer', OFFER, answer))
    expect(client.listener.answers).toHaveLength(1)
    distrust(client.listener.answers)
    expect(client.exchange.status()).toMatchObject({ ports: 2, members: 0 })
    expect(client.listener.refusals).toEqual([{ from: dora, offerId: TOPIC }]) // its dial went through Eve, too
    eve.told.length = 0
    passed(eve, carl, payload('offer', TOPIC))
    passes(eve, bob.remote, payload('offer'))
    eve.says(query)
    client.exchange.joined(TOPIC, eve)
    const again = new ScriptedPeer(client, eve.remote)
    again.says(query)
    bob.says(query)
    client.announce()
    expect([client.listener.offers, eve.told, again.told, bob.of('forwarded')]).toEqual([[], [], [], []])
    expect(bob.of('members')[0]?.members).toEqual([ports[2].remote])
  })

  test('are never used as a relay again after they swapped an offer', () => {
    const { client, distrust, ports, ids, passed } = setUp(2)
    const [eve, bob] = ports
    const [carl = ''] = ids(1)
    passed(eve, carl, payload('offer'))
    distrust()
    expect(client.exchange.status().ports).toBe(1)
    passed(bob, carl, payload('offer', TOPIC))
    expect(client.listener.offers.map(({ offerId }) => offerId)).toEqual([OFFER, TOPIC])
  })

  test('are ignored as senders at the second accusation, when they forge their own signatures to get relays accused', () => {
    const { env, client, distrust, ports, ids, name, passed } = setUp(3)
    const [eve = ''] = ids(1)
    client.announce()
    for (const port of ports) name(port, [eve])
    for (const port of ports) {
      const offerId = randomId(env)
      passed(port, eve, payload('offer', offerId))
      distrust()
    }
    expect(client.listener.offers).toHaveLength(2)
    expect([client.exchange.status().ports, client.exchange.dialable(TOPIC)]).toEqual([1, []])
  })

  test('cost this client one relay when they send one forged offer through many', () => {
    const { client, distrust, ports, ids, passed } = setUp(20)
    const [eve = ''] = ids(1)
    for (const port of ports) passed(port, eve, payload('offer'))
    distrust()
    expect(client.exchange.status().ports).toBe(19)
  })

  test('cannot get a description without an identity forwarded', () => {
    const { client, ports, ids, passed, dropped } = setUp(1)
    const [from = ''] = ids(1)
    passed(ports[0], from, payload('offer', OFFER, offerSdp))
    passed(ports[0], from, payload('offer', OFFER, 'v=0'))
    expect([client.listener.offers, dropped()]).toEqual([[], { malformed: 2 }])
    expect(client.exchange.answer({ topic: TOPIC, from: client.id, to: from, offerId: OFFER, sdp: answer })).toBe(false)
  })

  test('cannot answer, refuse or fail a dial of another member or another relay', () => {
    const { client, ports, ids, name, passed, dropped } = setUp(2)
    const [eve, bob] = ports
    const [carl = '', dora = ''] = ids(2)
    name(bob, [carl, dora])
    client.call(carl)
    for (const [port, from] of [
      [eve, carl],
      [bob, dora],
    ] as const) {
      passed(port, from, payload('answer', OFFER, answer))
      passed(port, from, payload('refusal'))
      port.says({ type: 'unreachable', topic: TOPIC, peer: from, offerId: OFFER })
    }
    expect([client.listener.answers, client.listener.refusals, dropped()]).toEqual([[], [], { unasked: 6 }])
    passed(bob, carl, payload('answer', OFFER, answer))
    bob.says({ type: 'unreachable', topic: TOPIC, peer: carl, offerId: OFFER }) // too late: it was answered
    expect([client.listener.answers.length, client.listener.refusals]).toEqual([1, []])
  })

  test('cannot send under another id: a payload is forwarded under its sender’s id, and never back to it', () => {
    const { client, ports, passes } = setUp(2)
    const [ann, bob] = ports
    passes(ann, bob.remote, payload('offer'))
    expect(bob.of('forwarded')).toMatchObject([{ peer: ann.remote, payload: { kind: 'offer', offerId: OFFER } }])
    passes(ann, ann.remote, payload('offer'))
    expect([ann.of('forwarded'), ann.of('unreachable').length]).toEqual([[], 1])
    expect(client.listener.offers).toEqual([])
  })

  test('get no reply to a filter of ones, and no more members than they asked for with one of zeros', () => {
    const { ports } = setUp(40)
    const [eve] = ports
    eve.says({ ...query, filter: new Uint8Array(200).fill(255) })
    expect(eve.of('members')).toEqual([])
    eve.says({ ...query, want: 0 })
    expect(eve.of('members')).toEqual([])
    eve.says({ ...query, want: 5 })
    expect(eve.of('members')[0]?.members).toHaveLength(5)
    expect(eve.of('members')[0]?.members).not.toContain(eve.remote)
  })
})
