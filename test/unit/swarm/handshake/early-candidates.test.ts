import { describe, expect, test } from 'vitest'
import { MAX_CANDIDATES } from '../../../../src/core/sdp.js'
import type { EngineConnection } from '../../../../src/engine/engine.js'
import { RemotePeer } from '../../../../src/peer/remote-peer.js'
import { EarlyCandidates } from '../../../../src/swarm/handshake/early-candidates.js'
import { FakeConnection, FakeNet } from '../../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

const OFFER = 'cd'.repeat(20)
const FROM = '22'.repeat(20)
const OTHER = '33'.repeat(20)

const candidate = (port: number): RTCIceCandidateInit => ({
  candidate: `candidate:1 1 UDP 1 192.0.2.9 ${port} typ host`,
  sdpMid: '0',
  sdpMLineIndex: 0,
})

describe('EarlyCandidates', () => {
  function setUp() {
    const env = new VirtualEnv()
    const connection: EngineConnection = new FakeConnection(new FakeNet(env))
    const added: Array<string | undefined> = []
    connection.addCandidate = async ({ candidate: text }) => void added.push(text)
    const peer = new RemotePeer({
      env,
      connection,
      first: connection.createChannel('first'),
      remote: { announceId: FROM, peerId: FROM, isSwarmlink: true, verified: true },
      maxMessageSize: 1,
    })
    return { boxes: new EarlyCandidates(), peer, connection, added }
  }
  const texts = (...ports: number[]) => ports.map(port => candidate(port).candidate)

  test('keeps candidates that overtake their answer, and adds later ones [B12]', () => {
    const { boxes, peer, added } = setUp()
    expect(boxes.add(OFFER, FROM, candidate(1), true)).toBe(true)
    boxes.expect(OFFER, FROM)
    expect(boxes.add(OFFER, FROM, candidate(2), false)).toBe(true)
    expect(added).toEqual([])
    boxes.deliver(OFFER, peer)
    expect(boxes.add(OFFER, FROM, candidate(3), false)).toBe(true)
    expect(added).toEqual(texts(1, 2, 3))
  })

  test('takes none of other peers, and none without an offer [Law 6] [B12]', () => {
    const { boxes, peer, added } = setUp()
    expect(boxes.add(OFFER, FROM, candidate(1), false)).toBe(false)
    boxes.expect(OFFER, FROM)
    expect(boxes.add(OFFER, OTHER, candidate(2), false)).toBe(false)
    boxes.deliver(OFFER, peer)
    expect(boxes.add(OFFER, OTHER, candidate(3), false)).toBe(false)
    expect([added, boxes.size]).toEqual([[], 1])
  })

  test('bounds the candidates per answer, and the answers [Law 6] [B12]', () => {
    const { boxes, peer, added } = setUp()
    for (let port = 1; port <= 100; port++) boxes.add(OFFER, FROM, candidate(port), true)
    boxes.deliver(OFFER, peer)
    expect(added).toHaveLength(MAX_CANDIDATES)
    for (let i = 0; i < 1_000; i++) boxes.add(`offer ${i}`, FROM, candidate(1), true)
    expect(boxes.size).toBe(128)
  })

  test('drops candidates with the peer, with a refused answer, and at the end [Law 5] [B12]', () => {
    const { boxes, peer } = setUp()
    boxes.expect(OFFER, FROM)
    boxes.deliver(OFFER, peer)
    peer.destroy()
    expect([boxes.size, boxes.add(OFFER, FROM, candidate(1), false)]).toEqual([0, false])
    boxes.expect(OFFER, FROM)
    boxes.drop(OFFER)
    expect(boxes.size).toBe(0)
    boxes.expect(OFFER, FROM)
    boxes.clear()
    expect(boxes.size).toBe(0)
  })
})
