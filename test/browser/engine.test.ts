import { expect, it } from 'vitest'
import { browserEngine } from '../../src/engine/browser.js'
import { loadEngine, recognizeEngine } from '../../src/engine/load-engine-browser.js'
import { findEngine } from '../../src/engine/find-engine.js'
import { runEngineSuite } from '../contract/engine-suite.js'

const engine = browserEngine(window)

runEngineSuite(navigator.userAgent.includes('Firefox') ? 'Firefox browser' : 'browser', async () => engine)

it("uses the page's own WebRTC by default", async () => {
  expect((await findEngine()).name).toBe('browser')
  expect((await recognizeEngine(window, 'option')).name).toBe('browser')
  expect(await loadEngine()).toBeUndefined()
})
