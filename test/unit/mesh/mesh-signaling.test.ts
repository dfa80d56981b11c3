import { describe, expect, test } from 'vitest'
import type { Id } from '../../../src/core/id.js'
import { MeshSignaling } from '../../../src/mesh/mesh-signaling.js'
import { decodeRelayed, encodeRelayed, type Relayed } from '../../../src/mesh/relayed-handshake.js'
import type { InboundDescription, InboundRefusal } from '../../../src/signaling/signaling.js'
import { withIdentity } from '../../../src/core/sdp.js'
import { answerSdp, offerSdp } from '../../support/sdp-samples.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const [A, B, C, D] = ['0a', '0b', '0c', '0d'].map(byte => byte.repeat(20)) as [Id, Id, Id, Id]
const OFFER = '11'.repeat(20)
const TOPIC = '22'.repeat(20)

/** Members in a row, A - B - C - D: each is connected to the next. */
function row() {
  const env = new VirtualEnv()
  const ids = [A, B, C, D]
  const heard: Array<{ at: Id; what: string; from: Id }> = []
  const sent: Relayed[] = []
  const members = new Map<Id, MeshSignaling>()
  for (const [i, self] of ids.entries()) {
    const signaling = new MeshSignaling({
      env,
      self,
      wants: () => true,
      send: (to, bytes) => {
        const message = decodeRelayed(bytes)
        if (message !== undefined) sent.push(message)
        if (Math.abs(ids.indexOf(to) - i) !== 1) return false
        members.get(to)?.received(self, signaling, bytes)
        return true
      },
    })
    const note = (what: string) => (inbound: InboundDescription | InboundRefusal) =>
      void heard.push({ at: self, what, from: inbound.from })
    signaling.subscribe(TOPIC, {
      open: () => {},
      close: () => {},
      warning: () => {},
      counts: () => {},
      offer: note('offer'),
      answer: note('answer'),
      refused: note('refused'),
    })
    members.set(self, signaling)
  }
  const at = (id: Id) => members.get(id)!
  return { at, heard, sent }
}

const IDENTITY = '1 identity'
const offer = { topic: TOPIC, from: A, offerId: OFFER, sdp: withIdentity(offerSdp, IDENTITY) }
const answer = { topic: TOPIC, from: D, to: A, offerId: OFFER, sdp: withIdentity(answerSdp, IDENTITY) }

describe('the signalling through a mesh', () => {
  test('carries an offer over two relays, and the answer the same way back [C5]', () => {
    const { at, heard } = row()
    at(A).want(D, [B, C])
    expect(at(A).dialable()).toEqual([D])
    expect(at(A).dial({ ...offer, to: D })).toBe(true)
    expect(at(D).answer(answer)).toBe(true)
    expect(heard).toEqual([
      { at: D, what: 'offer', from: A },
      { at: A, what: 'answer', from: D },
    ])
  })

  test('carries a refusal back, and dials each member once [C5]', () => {
    const { at, heard } = row()
    at(A).want(C, [B])
    expect(at(A).dial({ ...offer, to: C })).toBe(true)
    expect(at(A).dial({ ...offer, to: C })).toBe(false)
    at(C).refuse({ topic: TOPIC, from: C, to: A, offerId: OFFER })
    expect(heard.at(-1)).toEqual({ at: A, what: 'refused', from: C })
  })

  test('sends no answer to an offer that did not come this way [X3]', () => {
    const { at } = row()
    expect(at(D).answer(answer)).toBe(false)
  })

  test('refuses a message in the name of another member, and an answer that was not asked for [X3]', () => {
    const { at, heard } = row()
    const message: Relayed = { kind: 'offer', from: A, to: B, passed: [], route: [], offerId: OFFER, body: new Uint8Array() }
    expect(at(B).received(C, {}, encodeRelayed(message))).toBe(false)
    expect(at(B).received(A, {}, encodeRelayed({ ...message, kind: 'answer' }))).toBe(true)
    expect(at(B).received(A, {}, encodeRelayed({ ...message, body: Uint8Array.of(1, 2) }))).toBe(false)
    expect(heard).toEqual([])
  })

  test('forwards at most 200 messages of one neighbour at once [X3]', () => {
    const { at, sent } = row()
    const port = {}
    const message = encodeRelayed({
      kind: 'offer',
      from: A,
      to: C,
      passed: [],
      route: [],
      offerId: OFFER,
      body: new Uint8Array(),
    })
    const taken = Array.from({ length: 500 }, () => at(B).received(A, port, message))
    expect(sent.length).toBe(200)
    expect(taken.every(Boolean)).toBe(true) // others may have sent them to this neighbour
  })

  test('refuses a message whose next hop would be one too many, which would look like a fault of this member [X3]', () => {
    const { at, sent } = row()
    const message = { kind: 'offer', from: C, to: C, passed: [C, A], route: [], offerId: OFFER, body: new Uint8Array() } as const
    expect(at(B).received(A, {}, encodeRelayed(message))).toBe(false)
    expect(sent).toEqual([])
  })
})
