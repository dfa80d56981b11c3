/** A real Chromium for tests: the system's own, because tests download nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { chromium, type Browser } from 'playwright'
import { requireProgram } from '../programs.js'

/** No window, no sandbox (tests run as root in containers), and no traffic to the outside. */
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

/** The path of Chromium. See {@link requireProgram} for what happens when there is none. */
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
export async function launchChromium(...flags: string[]): Promise<Browser> {
  const executablePath = await requireChromium()
  if (executablePath === undefined) throw new Error('there is no Chromium; skip the test as in the example')
  return chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS, ...flags] })
}

/** Starts one in a network namespace, see nat-lab.ts. */
export async function launchChromiumIn(namespace: string): Promise<Browser> {
  const executablePath = await requireChromium()
  if (executablePath === undefined) throw new Error('there is no Chromium; skip the test as in the example')
  const script = join(mkdtempSync(join(tmpdir(), 'swarmlink-chromium-')), 'chromium')
  writeFileSync(script, `#!/bin/sh\nexec ip netns exec ${namespace} ${executablePath} "$@"\n`, { mode: 0o755 })
  // No mDNS crosses the namespaces.
  const args = [...CHROMIUM_FLAGS, '--disable-features=WebRtcHideLocalIpsWithMdns']
  const browser = await chromium.launch({ executablePath: script, args })
  browser.once('disconnected', () => rmSync(dirname(script), { recursive: true, force: true }))
  return browser
}
