import { get } from 'node:http'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { Demo } from '../support/demo.js'
import { NatsServer, requireNats } from '../support/nats.js'

const chromium = await requireChromium()
const nats = await requireNats()
/** How long a page may take to find others on a busy machine. */
const PATIENCE = 20_000

const chat = (...args: string[]) => new Demo(process.execPath, [join('demo', 'chat.js'), ...args])

let browser: Browser | undefined

afterEach(() => Demo.killAll())
afterAll(() => browser?.close())

/** Two terminals: the first one opened the room, and the second one joined with the command that the first one printed. */
async function room(...args: string[]): Promise<{ ada: Demo; bob: Demo; address: string }> {
  const ada = chat('--name', 'Ada', '--room', 'a room', '--page', ...args)
  const [, command = ''] = await ada.says(/^Others join with: npm run demo:chat -- (.+)$/m)
  const [, address = ''] = await ada.says(/^In a browser: (\S+)$/m)
  await ada.says(/^You are Ada in a room/m)
  const bob = new Demo('sh', ['-c', `exec ${process.execPath} demo/chat.js --name Bob ${command}`])
  await Promise.all([ada.says(/^\+ Bob is here$/m), bob.says(/^\+ Ada is here$/m)])
  return { ada, bob, address }
}

async function open(address: string): Promise<Page> {
  browser ??= await launchChromium()
  const page = await browser.newPage()
  await page.goto(`${address}&name=Cleo`)
  return page
}

/** Exchanges messages among all, and checks departures. Returns each exit code and error output. */
async function talk({ ada, bob, address }: Awaited<ReturnType<typeof room>>): Promise<Array<number | string | null>> {
  const page = await open(address)
  await Promise.all([ada.says(/^\+ Cleo is here$/m), bob.says(/^\+ Cleo is here$/m)])
  await page.getByText('Bob is here').waitFor({ timeout: PATIENCE })
  await page.getByText('Ada is here').waitFor({ timeout: PATIENCE })

  ada.type('good morning')
  await bob.says(/^Ada: good morning$/m)
  await page.getByText('good morning').waitFor({ timeout: PATIENCE })
  await page.getByLabel('Message').fill('hello from a page')
  await page.keyboard.press('Enter')
  await Promise.all([ada.says(/^Cleo: hello from a page$/m), bob.says(/^Cleo: hello from a page$/m)])

  await page.close({ runBeforeUnload: true })
  await Promise.all([ada.says(/^- Cleo is gone$/m), bob.says(/^- Cleo is gone$/m)])
  bob.signal('SIGINT')
  await ada.says(/^- Bob is gone$/m)
  ada.signal('SIGINT')
  return [await ada.ended, ada.err, await bob.ended, bob.err]
}

/** The status of a request for exactly this target, which `fetch` would normalize. */
async function statusOf(address: string, target: string): Promise<number | undefined> {
  const { hostname, port } = new URL(address)
  return await new Promise((resolve, reject) => {
    get({ hostname, port, path: target, agent: false }, response => resolve(response.resume().statusCode)).on('error', reject)
  })
}

const WELL = [0, '', 0, '']

describe('npm run demo:chat', () => {
  it.skipIf(chromium === undefined)('connects terminals and a page in a room, over a tracker of its own [E2] [A10]', async () => {
    expect(await talk(await room())).toEqual(WELL)
  })

  it.skipIf(chromium === undefined || nats === undefined)('connects them over NATS [B12] [A10]', async () => {
    const server = await NatsServer.start()
    try {
      expect(await talk(await room('--nats', server.url))).toEqual(WELL)
    } finally {
      await server.kill()
    }
  })

  it('serves its page, and survives any other request [E2] [A10]', async () => {
    const ada = chat('--name', 'Ada', '--room', 'a room', '--page')
    const [, address = ''] = await ada.says(/^In a browser: (\S+)$/m)
    await ada.says(/^You are Ada in a room/m)
    for (const target of ['//', '//[', 'http://[', '/../index.html', '/%'])
      expect([target, await statusOf(address, target)]).toEqual([target, 404])
    for (const target of ['/', '/?name=Cleo', '/index.html'])
      expect([target, await statusOf(address, target)]).toEqual([target, 200])
    ada.signal('SIGINT')
    expect([await ada.ended, ada.err]).toEqual([0, ''])
  })

  it.each([
    ['an unknown option', ['--colour'], /unknown option|Unknown option/i],
    ['a tracker of another kind', ['--tracker', 'udp://127.0.0.1:1'], /--tracker takes an address that begins with ws/],
    ['a NATS address of another kind', ['--nats', 'nats://127.0.0.1:4222'], /--nats takes an address that begins with ws/],
  ])('prints one line that says what is wrong: %s [A10]', async (_, args, words) => {
    const refused = chat(...args)
    expect(await refused.ended).toBe(2)
    expect(refused.err).toMatch(words)
    expect(refused.err.trim().split('\n')).toHaveLength(1)
  })
})
