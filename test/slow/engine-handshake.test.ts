/** How long connections take on one machine, many at once: node-datachannel's handshake races. */
import { RTCPeerConnection } from 'node-datachannel/polyfill'
import * as polyfill from 'node-datachannel/polyfill'
import { describe, expect, it } from 'vitest'
import { systemEnv } from '../../src/core/env.js'
import { nodeDatachannelEngine } from '../../src/engine/node-datachannel.js'
import { handshake } from '../contract/engine-suite.js'

const PAIRS = 240
const AT_ONCE = 8
/** libdatachannel's retransmission timer, which runs when the first DTLS flight is lost. */
const SLOW = 900

const engine = nodeDatachannelEngine(polyfill)
const config = { rtcConfig: { iceServers: [] }, gatherTimeout: 1000, env: systemEnv }

/** Runs `connect` for many pairs, several at a time. Returns the times, or the errors. */
async function measure(pairs: number, connect: () => Promise<void>): Promise<{ times: number[]; errors: unknown[] }> {
  const times: number[] = []
  const errors: unknown[] = []
  let left = pairs
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) {
        const start = performance.now()
        try {
          await connect()
          times.push(performance.now() - start)
        } catch (error) {
          errors.push(error)
        }
      }
    }),
  )
  return { times: times.toSorted((a, b) => a - b), errors }
}

describe('node-datachannel on one machine', () => {
  it('connects two swarmlink peers without the 1 s retransmission, and never fails', async () => {
    const { times, errors } = await measure(PAIRS, async () => {
      const offerer = engine.createConnection(config)
      const answerer = engine.createConnection(config)
      try {
        await handshake(offerer, answerer)
      } finally {
        offerer.close()
        answerer.close()
      }
    })
    expect(errors).toEqual([])
    expect(times.filter(time => time > SLOW)).toEqual([])
  })

  it("answers a stock client's offer without the 1 s retransmission", async () => {
    const { times, errors } = await measure(PAIRS / 4, async () => {
      const stock = new RTCPeerConnection({ iceServers: [] })
      const answerer = engine.createConnection(config)
      try {
        const channel = stock.createDataChannel('stock')
        const opened = new Promise(resolve => channel.addEventListener('open', resolve))
        await stock.setLocalDescription(await stock.createOffer())
        await new Promise<void>(resolve => {
          const look = () => {
            if (stock.iceGatheringState === 'complete') resolve()
          }
          stock.addEventListener('icegatheringstatechange', look)
          look()
        })
        const sdp = stock.localDescription?.sdp ?? ''
        expect(sdp).toContain('a=setup:actpass')
        await stock.setRemoteDescription({ type: 'answer', sdp: await answerer.createAnswer(sdp) })
        await opened
        channel.close()
      } finally {
        answerer.close()
        setImmediate(() => stock.close())
      }
    })
    expect(errors).toEqual([])
    expect(times.filter(time => time > SLOW)).toEqual([])
  })
})
