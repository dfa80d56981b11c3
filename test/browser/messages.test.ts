import { vi } from 'vitest'
import { browserEngine } from '../../src/engine/browser.js'
import { runMessagesSuite } from '../contract/messages-suite.js'

const engine = browserEngine(window)

// Both ends of 64 MiB run in one browser: 3 s of CPU on two cores, 45 s beside 24 other busy processes.
// The timeout only ends a test that hangs.
vi.setConfig({ testTimeout: 120_000 })
runMessagesSuite('browser', async () => engine)
