import { vi } from 'vitest'
import { browserEngine } from '../../src/engine/browser.js'
import { runMessagesSuite } from '../contract/messages-suite.js'

const engine = browserEngine(window)

// Both ends of 64 MiB are in one browser: several seconds of a processor, 3 s here, 45 s where two dozen others want the same two.
// The limit ends what hangs; it says nothing of how fast that is.
vi.setConfig({ testTimeout: 120_000 })
runMessagesSuite('browser', async () => engine)
