import { describe, expect, test } from 'vitest'
import { MAX_CANDIDATES } from '../../../src/core/sdp.js'
import { CandidateTail } from '../../../src/peer/candidate-tail.js'
import { answerSdp, samples } from '../../support/sdp-samples.js'

const candidate = (port: number, type = 'host'): RTCIceCandidateInit => ({
  candidate: `candidate:1 1 UDP 1 192.0.2.9 ${port} typ ${type}`,
  sdpMid: '0',
  sdpMLineIndex: 0,
})

describe('CandidateTail', () => {
  test('follows with no candidate before the answer, none that it contains, and each once [B12]', () => {
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

  test.each(samples)("recognises the answer's own candidates as $engine emits them [B12]", ({ answer }) => {
    const sent: unknown[] = []
    const tail = new CandidateTail(one => sent.push(one))
    tail.follow(answer)
    for (const line of answer.match(/^a=candidate:.*$/gm) ?? []) tail.add({ candidate: line.slice(2) })
    expect(sent).toEqual([])
  })

  test('sends no more candidates in all than a description may have [Law 6] [B12]', () => {
    const sent: unknown[] = []
    const tail = new CandidateTail(one => sent.push(one))
    tail.follow(answerSdp) // the answer holds two
    for (let port = 1; port <= 100; port++) tail.add(candidate(port, 'relay'))
    expect(sent).toHaveLength(MAX_CANDIDATES - 2)
  })

  test('keeps places for the reflexive and relayed candidates of a machine with many addresses [B12]', () => {
    const sent: RTCIceCandidateInit[] = []
    const tail = new CandidateTail(one => sent.push(one))
    tail.follow(answerSdp)
    for (let port = 1; port <= 100; port++) tail.add(candidate(port))
    const others = [candidate(101, 'srflx'), candidate(102, 'relay')]
    for (const one of others) tail.add(one)
    expect(sent.slice(-2)).toEqual(others)
  })
})
