import { expect, it } from 'vitest'
import { browserEngine } from '../../src/engine/browser.js'
import { loadEngine, recognizeEngine } from '../../src/engine/engines-browser.js'
import { findEngine } from '../../src/engine/find-engine.js'
import { runEngineSuite } from '../contract/engine-suite.js'

const engine = browserEngine(window)

runEngineSuite(navigator.userAgent.includes('Firefox') ? 'Firefox browser' : 'browser', async () => engine)

it("takes the page's own WebRTC without being told", async () => {
  expect((await findEngine()).name).toBe('browser')
  expect(recognizeEngine(window, 'option').name).toBe('browser')
  expect(await loadEngine()).toBeUndefined()
})
