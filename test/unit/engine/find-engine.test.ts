import wrtc from '@roamhq/wrtc'
import * as polyfill from 'node-datachannel/polyfill'
import * as webrtcPolyfill from 'webrtc-polyfill'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { findEngine } from '../../../src/engine/find-engine.js'
import type { WebRtcImplementation } from '../../../src/engine/rtc.js'
import { FakeRtc } from './fake-rtc.js'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.doUnmock('node-datachannel/polyfill')
  vi.doUnmock('@roamhq/wrtc')
  vi.resetModules()
})

describe('the engine', () => {
  it.each<[string, WebRtcImplementation, string]>([
    ['node-datachannel/polyfill', polyfill, 'node-datachannel'],
    ['its default export', polyfill.default, 'node-datachannel'],
    ['webrtc-polyfill, which stands on the same library', webrtcPolyfill, 'node-datachannel'],
    ['@roamhq/wrtc', wrtc, 'roamhq'],
    ['only the class of @roamhq/wrtc', { RTCPeerConnection: wrtc.RTCPeerConnection }, 'roamhq'],
    ['anything else', { RTCPeerConnection: FakeRtc }, 'custom'],
  ])('is recognised when the application hands in %s', async (_what, implementation, name) => {
    expect((await findEngine(implementation)).name).toBe(name)
  })

  it.each([null, 'wrtc', {}, { RTCPeerConnection: 'no class' }])('is refused when it is %j', async wrong => {
    await expect(findEngine(wrong as unknown as WebRtcImplementation)).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  })

  it('is the global one before any package', async () => {
    vi.stubGlobal('RTCPeerConnection', FakeRtc)
    expect((await findEngine()).name).toBe('browser')
    vi.stubGlobal('RTCPeerConnection', wrtc.RTCPeerConnection)
    expect((await findEngine()).name).toBe('roamhq')
  })

  const missing = () => {
    throw new Error('Cannot find package')
  }
  const afresh = async () => (await import('../../../src/engine/find-engine.js')).findEngine()

  it('is node-datachannel where both packages are installed', async () => {
    expect((await findEngine()).name).toBe('node-datachannel')
  })

  it('is @roamhq/wrtc where node-datachannel cannot be loaded', async () => {
    vi.doMock('node-datachannel/polyfill', missing)
    expect((await afresh()).name).toBe('roamhq')
  })

  it('is missing where none can be loaded, and the error says what to install', async () => {
    vi.doMock('node-datachannel/polyfill', missing)
    vi.doMock('@roamhq/wrtc', missing)
    await expect(afresh()).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_NO_WEBRTC', message: expect.stringMatching(/install node-datachannel/) }),
    )
  })
})
