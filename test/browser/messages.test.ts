import { browserEngine } from '../../src/engine/browser.js'
import { runMessagesSuite } from '../contract/messages-suite.js'

const engine = browserEngine(window)

runMessagesSuite('browser', async () => engine)
