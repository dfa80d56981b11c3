/** A short attack at every change; `test/slow/attacks.test.ts` has the long ones, and pages. */
import { describe, expect, it } from 'vitest'
import { attackBus, attackPeer, LARGE_PAYLOADS, inProcess, startMember } from '../support/attacks.js'
import { NatsServer, requireNats } from '../support/nats.js'
import { Processes } from '../support/processes.js'

const CASES = 500

const nats = await requireNats()

describe.concurrent('an attacker with a modified swarmlink', () => {
  it(`harms nobody with ${CASES} hostile frames over a connection to @roamhq/wrtc [X3]`, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const victim = inProcess(await startMember(processes))
    const outcome = await attackPeer(processes, victim, { cases: CASES, wrtc: 'roamhq' })
    expect(outcome.cases).toBeGreaterThanOrEqual(CASES)
  })

  it.skipIf(nats === undefined)(
    `harms nobody with ${CASES} hostile messages on a NATS server [X3]`,
    async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const server = await NatsServer.start({ extra: LARGE_PAYLOADS })
      onTestFinished(() => server.kill())
      const outcome = await attackBus(processes, server.url, { cases: CASES })
      expect(outcome.cases).toBeGreaterThanOrEqual(CASES)
    },
  )
})
