import { describe, expect, it } from 'vitest'
import { readParameters } from '../../../../src/media/tracks/sender-parameters.js'

interface Line {
  payloadType: number
  sdpFmtpLine?: string
}

/** A connection with one encoder whose parameters have these codecs. */
function connection(codecs: Line[], stats: object[] = []) {
  const asked: string[] = []
  const sender = {
    getParameters() {
      asked.push('getParameters')
      return { codecs: codecs.map(codec => ({ ...codec })), encodings: [{ active: true }] }
    },
  }
  const rtc = {
    async getStats() {
      asked.push('getStats')
      return stats
    },
  }
  return { asked, read: () => readParameters(rtc as unknown as RTCPeerConnection, { sender: sender as RTCRtpSender, mid: '1' }) }
}

describe('readParameters', () => {
  it('returns those of a browser as they are, and asks for no figures [B10]', async () => {
    const { read, asked } = connection([{ payloadType: 111, sdpFmtpLine: 'minptime=10;useinbandfec=1' }, { payloadType: 9 }])
    expect((await read()).codecs[0]).toEqual({ payloadType: 111, sdpFmtpLine: 'minptime=10;useinbandfec=1' })
    expect(asked).toEqual(['getParameters'])
  })

  it('repairs those of @roamhq/wrtc, and reads them after the figures, which end their transaction [B10]', async () => {
    const lines = [
      { payloadType: 111, sdpFmtpLine: 'a=fmtp:111 minptime=10; useinbandfec=1' },
      { payloadType: 9 },
      { payloadType: 63, sdpFmtpLine: 'a=fmtp:63 =111/111' },
    ]
    const { read, asked } = connection(lines, [
      { type: 'outbound-rtp', mid: '0', ssrc: 4 },
      { type: 'outbound-rtp', mid: '1', ssrc: 5 },
      { type: 'inbound-rtp', mid: '1', ssrc: 6 },
    ])
    const { codecs, encodings } = await read()
    expect(codecs.map(({ sdpFmtpLine }) => sdpFmtpLine)).toEqual(['minptime=10;useinbandfec=1', undefined, '=111/111'])
    expect(encodings).toEqual([{ active: true, ssrc: 5 }])
    expect(asked).toEqual(['getParameters', 'getStats', 'getParameters'])
  })

  it('adds the ssrc of @roamhq/wrtc between an offer and its answer, when there are no codecs [B10]', async () => {
    const { read } = connection([], [{ type: 'outbound-rtp', mid: '1', ssrc: 5 }])
    expect((await read()).encodings).toEqual([{ active: true, ssrc: 5 }])
  })
})
