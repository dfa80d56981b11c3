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

describe('findEngine', () => {
  it.each<[string, WebRtcImplementation, string]>([
    ['node-datachannel/polyfill', polyfill, 'node-datachannel'],
    ['the default export of node-datachannel/polyfill', polyfill.default, 'node-datachannel'],
    ['webrtc-polyfill, which uses the same library', webrtcPolyfill, 'node-datachannel'],
    ['@roamhq/wrtc', wrtc, 'roamhq'],
    ['only the class of @roamhq/wrtc', { RTCPeerConnection: wrtc.RTCPeerConnection }, 'roamhq'],
    ['another implementation', { RTCPeerConnection: FakeRtc }, 'custom'],
  ])('recognises %s', async (_what, implementation, name) => {
    expect((await findEngine(implementation)).name).toBe(name)
  })

  it.each([null, 'wrtc', {}, { RTCPeerConnection: 'no class' }])('refuses %j', async wrong => {
    await expect(findEngine(wrong as unknown as WebRtcImplementation)).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  })

  it('prefers the global RTCPeerConnection to any package', async () => {
    vi.stubGlobal('RTCPeerConnection', FakeRtc)
    expect((await findEngine()).name).toBe('browser')
    vi.stubGlobal('RTCPeerConnection', wrtc.RTCPeerConnection)
    expect((await findEngine()).name).toBe('roamhq')
  })

  const missing = () => {
    throw new Error('Cannot find package')
  }
  const freshFindEngine = async () => (await import('../../../src/engine/find-engine.js')).findEngine()

  it('prefers node-datachannel if both packages are installed', async () => {
    expect((await findEngine()).name).toBe('node-datachannel')
  })

  it('takes @roamhq/wrtc if node-datachannel cannot be loaded', async () => {
    vi.doMock('node-datachannel/polyfill', missing)
    expect((await freshFindEngine()).name).toBe('roamhq')
  })

  it('rejects if no package can be loaded, and says what to install', async () => {
    vi.doMock('node-datachannel/polyfill', missing)
    vi.doMock('@roamhq/wrtc', missing)
    await expect(freshFindEngine()).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_NO_WEBRTC', message: expect.stringMatching(/install node-datachannel/) }),
    )
  })
})
