/** A real Chromium for tests: the system's own, since nothing is downloaded for them. */
import { chromium, type Browser } from 'playwright'
import { requireProgram } from './programs.js'

/** No window, no sandbox (tests run as root in containers), and nothing that talks to the outside by itself. */
export const CHROMIUM_FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Its path; see {@link requireProgram} for what happens when there is none. */
export function requireChromium(): Promise<string | undefined> {
  return requireProgram({ command: 'chromium', package: 'chromium', variable: 'CHROMIUM_PATH' })
}

/**
 * Starts one, for a test that runs in Node and drives pages.
 *
 * @example
 * const path = await requireChromium()
 * test.skipIf(path === undefined)('…', async () => {
 *   const browser = await launchChromium()
 *   try { … } finally { await browser.close() }
 * })
 */
export async function launchChromium(): Promise<Browser> {
  const executablePath = await requireChromium()
  if (executablePath === undefined) throw new Error('there is no Chromium; skip the test as in the example')
  return chromium.launch({ executablePath, args: CHROMIUM_FLAGS })
}
