import { join } from 'node:path'
import type { Browser } from 'playwright'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { Demo } from '../support/demo.js'

const chromium = await requireChromium()
/** How long a page may take to find others on a busy machine. */
const PATIENCE = 20_000

let browser: Browser | undefined

afterEach(() => Demo.killAll())
afterAll(() => browser?.close())

describe.skipIf(chromium === undefined)('the page of npm run demo:mesh -- --chat', () => {
  it('exchanges lines and names with a terminal and another page [C9]', async () => {
    const ada = new Demo(process.execPath, [join('demo', 'mesh.js'), '--chat', '--name', 'Ada', '--room', 'a room', '--page'])
    const [, address = ''] = await ada.says(/^In a browser: (\S+)$/m)
    await ada.says(/^You are Ada in a room/m)
    browser = await launchChromium()
    const [bob, cleo] = await Promise.all(
      ['Bob', 'Cleo'].map(async name => {
        const page = await browser!.newPage()
        await page.goto(`${address}&name=${name}`)
        await page.getByText('3 members, 2 of them connected').waitFor({ timeout: PATIENCE })
        return page
      }),
    )
    await Promise.all([ada.says(/^\* Bob is here$/m), ada.says(/^\* Cleo is here$/m)])

    ada.type('good morning')
    for (const page of [bob!, cleo!]) await page.getByText('good morning').waitFor({ timeout: PATIENCE })
    await bob!.getByLabel('Message').fill('hello from a page')
    await bob!.keyboard.press('Enter')
    await ada.says(/^Bob: hello from a page$/m)
    await cleo!.getByText('hello from a page').waitFor({ timeout: PATIENCE })
    await cleo!.getByLabel('Message').fill('/nick Cleopatra')
    await cleo!.keyboard.press('Enter')
    await bob!.getByText('Cleo is Cleopatra now').waitFor({ timeout: PATIENCE })
    ada.signal('SIGINT')
    expect([await ada.ended, ada.err]).toEqual([0, ''])
    await bob!.getByText('Ada is gone').waitFor({ timeout: PATIENCE })
  })
})
