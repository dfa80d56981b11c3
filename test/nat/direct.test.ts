/** Hosts that reach each other directly: no relay is used, and a configured TURN server delays nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireNatLab, STUN, TURN, type LabOptions } from '../support/nat/nat-lab.js'
import { Closing, NatPair, type EngineName } from '../support/nat/nat-pair.js'

const { missing } = await requireNatLab()

const LIMIT = 5_000
const FAILURE_PATIENCE = 30_000
/** The message has 100 000 bytes. Gathering for all offers costs a few thousand on both sides. */
const GATHERING = 50_000

const PAIRS: Array<[EngineName, EngineName]> = [
  ['node-datachannel', 'node-datachannel'],
  ['roamhq', 'roamhq'],
  ['node-datachannel', 'roamhq'],
  ['roamhq', 'node-datachannel'],
]
const host = { iceServers: [] }
const stun = { iceServers: [STUN] }
const both = { iceServers: [STUN, TURN] }

function useLab(options: LabOptions): { pair: NatPair } {
  const closing = new Closing()
  const lab = {} as { pair: NatPair } // set before the first test
  beforeAll(async () => {
    lab.pair = await NatPair.open(closing.add, options)
  })
  afterAll(closing.run)
  return lab
}

function connectDirectly(
  lab: { pair: NatPair },
  [caller, answerer]: [EngineName, EngineName],
  how: string,
  rtcConfig: RTCConfiguration,
): void {
  // libwebrtc takes the first path that works, perhaps a relay, and a better one some seconds later.
  const isDirect = caller === 'node-datachannel' && answerer === 'node-datachannel'
  const ends = [
    { engine: caller, rtcConfig },
    { engine: answerer, rtcConfig },
  ] as const
  it(`connect within 5 s, ${caller} to ${answerer}, with ${how} [A10]`, async () => {
    const { took } = await lab.pair.meet(...ends, 2 * LIMIT)
    expect(took).toBeLessThan(LIMIT)
  })

  it.runIf(isDirect)(`use no relay once a direct path is found, ${caller} to ${answerer}, with ${how} [A10]`, async () => {
    expect(await lab.pair.relayed(...ends, LIMIT)).toBeLessThan(GATHERING)
  })
}

describe.skipIf(missing !== undefined)('two hosts behind NATs that keep the port', () => {
  const lab = useLab({ nat: 'port-preserving' })
  for (const pair of PAIRS) {
    connectDirectly(lab, pair, 'STUN', stun)
    connectDirectly(lab, pair, 'STUN and TURN', both)
  }
})

describe.skipIf(missing !== undefined)('two hosts in one LAN', () => {
  const lab = useLab({ lan: true })
  for (const pair of PAIRS) {
    connectDirectly(lab, pair, 'no server at all', host)
    connectDirectly(lab, pair, 'STUN and TURN', both)
  }
})

describe.skipIf(missing !== undefined)('one host behind a symmetric NAT and one behind a NAT that keeps the port', () => {
  const lab = useLab({ nat: ['symmetric', 'port-preserving'] })

  it('connect within 5 s with TURN [A10]', async () => {
    const end = { engine: 'node-datachannel' as const, rtcConfig: both }
    const { took } = await lab.pair.meet(end, end, 2 * LIMIT)
    expect(took).toBeLessThan(LIMIT)
  })

  it('fail with STUN alone, and both say that they need a TURN server [A5]', async () => {
    const end = { engine: 'node-datachannel' as const, rtcConfig: stun }
    const failures = await lab.pair.miss(end, end, FAILURE_PATIENCE)
    for (const failure of failures) {
      expect(failure.code).toBe('ERR_ICE_FAILED')
      expect(failure.message).toContain('need a TURN server')
    }
  })
})

describe.skipIf(missing !== undefined)('two hosts behind symmetric NATs that have the same private address', () => {
  const lab = useLab({ twins: true })

  it.each(PAIRS)('connect within 5 s with STUN and TURN, %s to %s [A10]', async (caller, answerer) => {
    const { took } = await lab.pair.meet({ engine: caller, rtcConfig: both }, { engine: answerer, rtcConfig: both }, 2 * LIMIT)
    expect(took).toBeLessThan(LIMIT)
  })
})
