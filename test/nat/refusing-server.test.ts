/** TURN servers whose system refuses packets to private addresses: coturn then closes the allocation of the peer that asked for one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireNatLab, STUN, TURN } from '../support/nat/nat-lab.js'
import { Closing, NatPair, type EngineName } from '../support/nat/nat-pair.js'

const { missing } = await requireNatLab()

const LIMIT = 5_000
/** WebTorrent alone waits for two timers of 5 s per connection in Node. */
const STOCK_LIMIT = 40_000

const stun = { iceServers: [STUN] }
const turn = { iceServers: [TURN] }
const both = { iceServers: [STUN, TURN] }

type Case = [caller: EngineName, callersConfig: RTCConfiguration, answerer: EngineName, calleesConfig: RTCConfiguration]

/** Wherever node-datachannel has the TURN server, its allocation outlives the candidates of the other end. */
const CASES: Array<[string, ...Case]> = [
  ['STUN and TURN on both sides', 'node-datachannel', both, 'node-datachannel', both],
  ['the TURN server alone', 'node-datachannel', turn, 'node-datachannel', turn],
  ['TURN on the side of the caller only', 'node-datachannel', both, 'node-datachannel', stun],
  ['TURN on the side of the answerer only', 'node-datachannel', stun, 'node-datachannel', both],
  ['STUN and TURN on both sides', 'node-datachannel', both, 'roamhq', both],
  ['STUN and TURN on both sides', 'roamhq', both, 'node-datachannel', both],
  ['TURN on the side of the caller only', 'node-datachannel', both, 'roamhq', stun],
  ['TURN on the side of the answerer only', 'roamhq', stun, 'node-datachannel', both],
]

const STOCK: Array<[string, ...Case]> = [
  ['the stock client answers and has STUN', 'node-datachannel', both, 'stock', stun],
  ['the stock client answers and has TURN too', 'node-datachannel', both, 'stock', both],
  ['the stock client offers and has STUN', 'stock', stun, 'node-datachannel', both],
  ['the stock client offers and has TURN too', 'stock', both, 'node-datachannel', both],
]

describe.skipIf(missing !== undefined)(
  'two hosts behind symmetric NATs, with a TURN server that refuses private addresses',
  () => {
    const closing = new Closing()
    let pair: NatPair
    beforeAll(async () => {
      pair = await NatPair.open(closing.add, { privatePackets: 'refused' })
    })
    afterAll(closing.run)

    for (const [how, caller, callers, answerer, answerers] of CASES)
      it(`connect within 5 s, ${caller} to ${answerer}, with ${how} [A10]`, async () => {
        const { took } = await pair.meet(
          { engine: caller, rtcConfig: callers },
          { engine: answerer, rtcConfig: answerers },
          2 * LIMIT,
        )
        expect(took).toBeLessThan(LIMIT)
      })

    for (const [how, caller, callers, answerer, answerers] of STOCK)
      it(`connect when ${how} [A10]`, async () => {
        const meeting = pair.meet({ engine: caller, rtcConfig: callers }, { engine: answerer, rtcConfig: answerers }, STOCK_LIMIT)
        await expect(meeting).resolves.toMatchObject({ took: expect.any(Number) })
      })
  },
)

describe.skipIf(missing !== undefined)('two such hosts with a TURN server configured to deny private peers', () => {
  const closing = new Closing()
  let pair: NatPair
  beforeAll(async () => {
    pair = await NatPair.open(closing.add, { privatePackets: 'refused', deniesPrivate: true })
  })
  afterAll(closing.run)

  it.each(['node-datachannel', 'roamhq'] as const)('connect within 5 s, %s on both sides [A10]', async engine => {
    const { took } = await pair.meet({ engine, rtcConfig: both }, { engine, rtcConfig: both }, 2 * LIMIT)
    expect(took).toBeLessThan(LIMIT)
  })
})
