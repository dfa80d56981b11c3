import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright'
import { afterEach, describe, expect, it } from 'vitest'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { Demo } from '../support/demo.js'

const chromium = await requireChromium()
/** How long a page may take to show something on a busy machine. */
const PATIENCE = 20_000
/** Device 1 of Chromium's is a depth camera, whose pictures are not sent. */
const DEVICES = ['--use-fake-device-for-media-stream=device-count=1,fps=30', '--auto-select-desktop-capture-source=Entire screen']
const ALLOWED = [...DEVICES, '--use-fake-ui-for-media-stream']

let browser: Browser | undefined

afterEach(async () => {
  Demo.killAll()
  await browser?.close()
  browser = undefined
})

async function start(...args: string[]): Promise<{ demo: Demo; address: string }> {
  const demo = new Demo(process.execPath, [join('demo', 'call.js'), ...args])
  const [, address = ''] = await demo.says(/^The call: (\S+)$/m)
  return { demo, address }
}

async function open(address: string, name: string, flags = ALLOWED): Promise<Page> {
  browser ??= await launchChromium(...flags)
  const context = await browser.newContext()
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE)
  await page.goto(`${address}&name=${name}`)
  return page
}

const tile = (page: Page, name: string) => page.locator('figure', { hasText: name })
const status = (page: Page) => page.locator('#state')
const notice = (page: Page) => page.locator('#notice')
async function expectText(place: Locator, text: string): Promise<void> {
  await expect.poll(() => place.textContent(), { timeout: PATIENCE }).toContain(text)
}

/** Waits until the picture of a tile moves on by ten frames. */
async function expectPicture(page: Page, name: string): Promise<void> {
  await tile(page, name).locator('video').waitFor()
  await tile(page, name)
    .locator('video')
    .evaluate(
      video =>
        new Promise<void>(resolve => {
          let frames = 0
          const next = () => (++frames < 10 ? (video as HTMLVideoElement).requestVideoFrameCallback(next) : resolve())
          ;(video as HTMLVideoElement).requestVideoFrameCallback(next)
        }),
    )
}

describe.skipIf(chromium === undefined)('the call demo', () => {
  it('shows two pages and a test card to each other, and what is muted, shared and left [B11] [X14]', async () => {
    const { demo, address } = await start('--card')
    const [ada, bob] = await Promise.all([open(address, 'Ada'), open(address, 'Bob')])
    await Promise.all([expectPicture(ada, 'Bob'), expectPicture(ada, 'Test card'), expectPicture(bob, 'Ada')])
    await demo.says(/^Ada is here\.$/m)
    await expect.poll(() => status(ada).textContent()).toBe('3 participants, with you as Ada')

    await ada.keyboard.press('m')
    await ada.keyboard.press('v')
    await tile(bob, 'Ada').getByText('microphone off, camera off').waitFor()
    await ada.keyboard.press('v')
    await tile(bob, 'Ada').getByText('microphone off', { exact: true }).waitFor()
    await ada.getByRole('button', { name: 'Share screen' }).click()
    await ada.locator('#screen[aria-pressed=true]').waitFor()
    await expectPicture(bob, 'Ada')

    await ada.keyboard.press('l')
    await tile(bob, 'Ada').waitFor({ state: 'detached' })
    await notice(ada).getByText('You have left the call.').waitFor()
    await demo.says(/^Ada is gone \(left\)\.$/m)
    demo.signal('SIGINT')
    expect([await demo.ended, demo.err]).toEqual([0, ''])
  })

  it('goes on without a camera, and says why there is none [B11]', async () => {
    const { address } = await start()
    const refused = await open(address, 'Ada', DEVICES)
    await expectText(notice(refused), 'are not allowed')
    await expectText(status(refused), 'Alone')
    await browser?.close()
    browser = undefined
    const absent = await open(address, 'Ada', [
      '--use-fake-device-for-media-stream=device-count=0',
      '--use-fake-ui-for-media-stream',
    ])
    await expectText(notice(absent), 'no camera or microphone')
    const busy = await browser!.newPage()
    await busy.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('in use', 'NotReadableError'))
    })
    await busy.goto(`${address}&name=Bob`)
    await expectText(notice(busy), 'in use by another program')
    await expectText(status(busy), '2 participants')
  })

  it('names what is missing in its address [B11]', async () => {
    const { address } = await start()
    const page = await open(address.replace(/#.*/, '#room=lobby'), 'Ada')
    await expectText(notice(page), 'names no signal server')
  })
})
