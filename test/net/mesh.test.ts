import { describe, expect, it } from 'vitest'
import { bundle } from '../support/bundle.js'
import { requireChromium, launchChromium } from '../support/browsers/chromium.js'
import { launchFirefox, requireFirefox } from '../support/browsers/firefox.js'
import { NatsServer, requireNats } from '../support/nats.js'
import { PageClient } from '../support/browsers/page-client.js'
import { readFromRoot, serveFiles } from '../support/browsers/pages.js'
import { type Child, Processes } from '../support/processes.js'

const [chromium, firefox, nats] = [await requireChromium(), await requireFirefox(), await requireNats()]

const PATIENCE = 60_000

interface Look {
  id: string
  peers: string[]
}

/** Members in processes of their own, each of which is connected to one or more others. */
async function start(processes: Processes, count: number, options: object): Promise<Array<Child & { id?: string }>> {
  const members = await Promise.all(Array.from({ length: count }, () => processes.start('mesh-process')))
  await Promise.all(members.map(member => member.ask('join', options)))
  await expectOneMesh(members)
  return members
}

/** Waits until all of them are in one piece. */
async function expectOneMesh(members: Array<{ ask(method: string): Promise<unknown> }>): Promise<void> {
  const inOnePiece = async () => {
    const looks = (await Promise.all(members.map(member => member.ask('look')))) as Look[] // of the fixture
    const piece = new Set([looks[0]?.id])
    for (const id of piece) for (const { id: other, peers } of looks) if (peers.some(peer => peer === id)) piece.add(other)
    return piece.size
  }
  await expect.poll(inOnePiece, { timeout: PATIENCE }).toBe(members.length)
}

/** Resolves when all of the others got what one of them broadcasts. */
async function expectSpread(from: Child, others: Child[], data: unknown): Promise<void> {
  await from.ask('broadcast', { data })
  await Promise.all(others.map(other => other.next('message', message => message['data'] === data)))
}

describe('a mesh of processes', { timeout: 120_000 }, () => {
  it('meets over a tracker; broadcasts reach all members, small and large, with a receipt [C6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const members = await start(processes, 8, { transport: [url], maxPeers: 3 })
    const [first, ...others] = members as [Child, ...Child[]]
    const receipt = (await first.ask('broadcast', { data: 'hello', options: { confirm: true } })) as {
      reached: number
      of: number
    }
    expect(receipt.reached).toBeGreaterThanOrEqual(receipt.of)
    await first.ask('broadcast', { size: 200_000 })
    for (const other of others) {
      await other.next('message', ({ data }) => (data as { bytes?: number }).bytes === 200_000)
      expect(other.all('message').map(({ data }) => data)).toEqual(['hello', { bytes: 200_000 }])
    }
    for (const member of members) expect(member.all('warning')).toEqual([])
  })

  it('goes on when three of eight are killed, and the tracker too [C5]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, tracker } = await processes.tracker()
    const members = await start(processes, 8, { transport: [url] })
    const [first, ...others] = members.slice(0, 5) as [Child, ...Child[]]
    await expectOneMesh([first, ...others]) // no tracker will join two pieces
    await Promise.all([tracker, ...members.slice(5)].map(child => child.kill()))
    await expectSpread(first, others, 'after')
  })

  it('sends a direct message to a neighbour, and ends its process after it left [C2]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const [first, second] = (await start(processes, 2, { transport: [url] })) as [Child, Child]
    const { peers } = (await first.ask('look')) as Look
    await first.ask('send', { to: peers[0], data: { to: 'you' } })
    const message = await second.next('message')
    expect(message).toMatchObject({ data: { to: 'you' } })
    expect(message['topic']).toBeUndefined()
    await first.end()
    expect(await second.next('disconnect')).toMatchObject({ reason: 'left' })
    await second.end()
  })

  it.skipIf(nats === undefined)('meets over a NATS server [C1]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const server = await NatsServer.start()
    onTestFinished(() => server.kill())
    const [first, ...others] = (await start(processes, 3, { nats: server.url })) as [Child, ...Child[]]
    await expectSpread(first, others, 'over NATS')
  })

  it.skipIf(chromium === undefined || firefox === undefined)(
    'spans processes and pages of Chromium and Firefox [C9]',
    async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const { url } = await processes.tracker()
      const site = await serveFiles([
        ['/', '<!doctype html><meta charset="utf-8"><script type="module" src="/mesh-page.js"></script>'],
        ['/mesh-page.js', await readFromRoot('test/net/fixtures/mesh-page.js')],
        ['/mesh-member.js', await readFromRoot('test/net/fixtures/mesh-member.js')],
        ...(await bundle('dist/mesh/index.js')),
      ])
      onTestFinished(() => site.close())
      const browsers = await Promise.all([launchChromium(), launchFirefox()])
      onTestFinished(async () => void (await Promise.all(browsers.map(browser => browser.close()))))
      const pages = await Promise.all(browsers.map(browser => PageClient.open(browser, site.origin)))
      const processMembers = await Promise.all([processes.start('mesh-process'), processes.start('mesh-process')])
      const all = [...pages, ...processMembers]
      await Promise.all(all.map(member => member.ask('join', { transport: [url] })))
      await expectOneMesh(all)
      for (const [i, from] of all.entries()) {
        await from.ask('broadcast', { data: `from ${i}` })
        const others = all.filter(member => member !== from)
        await Promise.all(others.map(other => other.next('message', ({ data }) => data === `from ${i}`)))
      }
    },
  )
})
