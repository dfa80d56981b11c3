import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireNatLab, STUN, STUN_TWICE, TURN } from '../support/nat/nat-lab.js'
import { Closing, NatPair, type EngineName } from '../support/nat/nat-pair.js'

const { missing } = await requireNatLab()

/** From adding the torrent to a wire on both sides. */
const LIMIT = 5_000
/** A connection's deadline is 10 s, and it begins with the tracker's answer. */
const FAILURE_PATIENCE = 30_000

const PAIRS: Array<[EngineName, EngineName]> = [
  ['node-datachannel', 'node-datachannel'],
  ['roamhq', 'roamhq'],
  ['node-datachannel', 'roamhq'],
  ['roamhq', 'node-datachannel'],
]

const stun = { iceServers: [STUN] }
const turn = { iceServers: [TURN] }
const both = { iceServers: [STUN, TURN] }
const relay = { iceServers: [STUN, TURN], iceTransportPolicy: 'relay' as const }

const WITH_TURN: Array<[string, RTCConfiguration, RTCConfiguration]> = [
  ['STUN and TURN on both sides', both, both],
  ['the TURN server alone', turn, turn],
  ['the relay policy on both sides', relay, relay],
  ['TURN on the side of the caller only', both, stun],
  ['TURN on the side of the answerer only', stun, both],
]

describe.skipIf(missing !== undefined)('two hosts behind symmetric NATs', () => {
  const closing = new Closing()
  let pair: NatPair
  beforeAll(async () => {
    pair = await NatPair.open(closing.add)
  })
  afterAll(closing.run)

  for (const [caller, answerer] of PAIRS) {
    it.each(WITH_TURN)(`connect within 5 s, ${caller} to ${answerer}, with %s [A10]`, async (_, callers, answerers) => {
      const { took, udpBytes } = await pair.meet(
        { engine: caller, rtcConfig: callers },
        { engine: answerer, rtcConfig: answerers },
        2 * LIMIT,
      )
      expect(took).toBeLessThan(LIMIT)
      expect(udpBytes).toBeGreaterThan(100_000) // the file: the relay is the only path
    })
  }

  it('fail with STUN alone on any engines, and both say that they need a TURN server and where to name it [A5]', async () => {
    const failures = await Promise.all(
      PAIRS.map(async ([caller, answerer]) =>
        pair.miss(
          { engine: caller, rtcConfig: stun },
          { engine: answerer, rtcConfig: { iceServers: [STUN_TWICE] } },
          FAILURE_PATIENCE,
        ),
      ),
    )
    for (const failure of failures.flat()) {
      expect(failure.code).toBe('ERR_ICE_FAILED')
      expect(failure.message).toContain('both sides are behind NATs that need a TURN server')
      expect(failure.message).toContain("{ urls: 'turn:HOST:3478', username, credential } to rtcConfig.iceServers")
    }
    expect(failures.flat()).toHaveLength(2 * PAIRS.length)
  })
})
