import { describe, expect, test } from 'vitest'
import { MAX_CANDIDATES } from '../../../src/core/sdp.js'
import { CandidateTail } from '../../../src/peer/candidate-tail.js'
import { answerSdp, samples } from '../../support/sdp-samples.js'

const candidate = (port: number): RTCIceCandidateInit => ({
  candidate: `candidate:1 1 UDP 1 192.0.2.9 ${port} typ host`,
  sdpMid: '0',
  sdpMLineIndex: 0,
})

describe('B12 candidates of ours that follow their answer', () => {
  test('none before it, none that it holds already, each once', () => {
    const sent: RTCIceCandidateInit[] = []
    const tail = new CandidateTail(one => sent.push(one))
    const held = { candidate: 'candidate:1 1 udp 2114977791 192.0.2.7 54571 typ host ufrag Dx06', sdpMid: '0', sdpMLineIndex: 0 }
    tail.add(held)
    tail.add(candidate(1))
    expect(sent).toEqual([])
    tail.follow(answerSdp)
    expect(sent).toEqual([candidate(1)])
    for (const one of [held, candidate(1), candidate(2), candidate(2)]) tail.add(one)
    expect(sent).toEqual([candidate(1), candidate(2)])
  })

  test.each(samples)('those in an answer of $engine are recognised as the engine emits them', ({ answer }) => {
    const sent: unknown[] = []
    const tail = new CandidateTail(one => sent.push(one))
    tail.follow(answer)
    for (const line of answer.match(/^a=candidate:.*$/gm) ?? []) tail.add({ candidate: line.slice(2) })
    expect(sent).toEqual([])
  })

  test('Law 6 no more in all than a description may have', () => {
    const sent: unknown[] = []
    const tail = new CandidateTail(one => sent.push(one))
    tail.follow(answerSdp) // holds two
    for (let port = 1; port <= 100; port++) tail.add(candidate(port))
    expect(sent).toHaveLength(MAX_CANDIDATES - 2)
  })
})
