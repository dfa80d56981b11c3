/** A short attack at every change. `test/slow/attacks.test.ts` has the long ones, and those over WebRTC, where 500 cases take half a minute. */
import { describe, expect, it } from 'vitest'
import { attackBus, LARGE_PAYLOADS } from '../support/hostile/live-attacks.js'
import { NatsServer, requireNats } from '../support/nats.js'
import { Processes } from '../support/processes.js'

const CASES = 500

const nats = await requireNats()

describe('a member under attack', () => {
  it.skipIf(nats === undefined)(
    `keeps honest connections through ${CASES} hostile messages on a NATS server [X3]`,
    async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const server = await NatsServer.start({ extra: LARGE_PAYLOADS })
      onTestFinished(() => server.kill())
      const outcome = await attackBus(processes, server.url, { cases: CASES })
      expect(outcome.cases).toBeGreaterThanOrEqual(CASES)
    },
  )
})
