/** A real Firefox for tests: the system's own, driven over WebDriver BiDi. Playwright drives only its own patched build. */
import { launch, type Browser } from 'puppeteer-core'
import { requireProgram } from './programs.js'

const PREFERENCES = {
  // Both ends of every connection are on this machine, and the other end resolves no mDNS name.
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
}

/** Its path; see {@link requireProgram} for what happens when there is none. */
export function requireFirefox(): Promise<string | undefined> {
  return requireProgram({ command: 'firefox-esr', package: 'firefox-esr', variable: 'FIREFOX_PATH' })
}

/** Starts one, for a test that runs in Node and drives pages; as with `launchChromium`, the test is skipped when there is none. */
export async function launchFirefox(): Promise<Browser> {
  const executablePath = await requireFirefox()
  if (executablePath === undefined) throw new Error('there is no Firefox; skip the test')
  return launch({ browser: 'firefox', executablePath, headless: true, extraPrefsFirefox: PREFERENCES })
}
