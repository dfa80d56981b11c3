/** A real Firefox for tests: the system's own, driven over WebDriver BiDi. Playwright drives only its own patched build. */
import { launch, type Browser } from 'puppeteer-core'
import { requireProgram } from '../programs.js'

const PREFERENCES = {
  // Both ends of every connection are on this machine, and the other end resolves no mDNS name.
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  // A microphone that gives a tone: without a sound device Firefox 153 starts no AudioContext that could make one.
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.navigator.audio.fake_frequency': 660,
}

/** The path of Firefox. See {@link requireProgram} for what happens when there is none. */
export function requireFirefox(): Promise<string | undefined> {
  return requireProgram({ command: 'firefox-esr', package: 'firefox-esr', variable: 'FIREFOX_PATH' })
}

/** Starts Firefox for a test that runs in Node and drives pages. As with `launchChromium`, the test is skipped when there is none. */
export async function launchFirefox(): Promise<Browser> {
  const executablePath = await requireFirefox()
  if (executablePath === undefined) throw new Error('there is no Firefox; skip the test')
  return launch({ browser: 'firefox', executablePath, headless: true, extraPrefsFirefox: PREFERENCES })
}
