/** Long attacks on live members. `ATTACK_CASES=500 ATTACK_SEED=7` makes them shorter and varies them. */
import { describe, expect, it } from 'vitest'
import {
  attackBus,
  attackPeer,
  LARGE_PAYLOADS,
  inPage,
  inProcess,
  startMember,
  type Attack,
  type Outcome,
} from '../support/hostile/live-attacks.js'
import { requireChromium } from '../support/browsers/chromium.js'
import { NatsServer, requireNats } from '../support/nats.js'
import { PageClient } from '../support/browsers/page-client.js'
import { memberPage, openPages } from '../support/browsers/pages.js'
import { Processes } from '../support/processes.js'

const CASES = Number(process.env['ATTACK_CASES'] ?? 10_000)
const TIMEOUT = 1_800_000
const attack: Attack = { cases: CASES, measured: true }

const [chromium, nats] = [await requireChromium(), await requireNats()]

function expectOutcome(name: string, outcome: Outcome): void {
  process.stdout.write(`${name}: ${JSON.stringify(outcome)}\n`)
  expect(outcome.cases).toBeGreaterThanOrEqual(CASES)
}

describe('a member under attack', { timeout: TIMEOUT }, () => {
  it.skipIf(chromium === undefined)(
    `keeps honest connections and its memory through ${CASES} hostile frames, in a page [X3]`,
    async ({ onTestFinished }) => {
      const pages = await openPages(await memberPage())
      onTestFinished(() => pages.close())
      const page = await PageClient.open(pages.browser, pages.origin)
      expectOutcome('a page', await attackPeer(new Processes(onTestFinished), inPage(page), attack))
    },
  )

  it(`keeps honest connections and its memory through ${CASES} hostile frames, with @roamhq/wrtc [X3]`, async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    expectOutcome(
      '@roamhq/wrtc',
      await attackPeer(processes, inProcess(await startMember(processes)), { ...attack, wrtc: 'roamhq' }),
    )
  })

  it.skipIf(nats === undefined)(
    `keeps honest connections through ${CASES} hostile messages on a NATS server [X3]`,
    async ({ onTestFinished }) => {
      const server = await NatsServer.start({ extra: LARGE_PAYLOADS })
      onTestFinished(() => server.kill())
      expectOutcome('NATS', await attackBus(new Processes(onTestFinished), server.url, attack))
    },
  )
})
