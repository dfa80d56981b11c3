/** An `RTCPeerConnection` and an `RTCDataChannel` whose events and failures the test triggers. */
import type { RtcChannel, RtcConnection } from '../../../src/engine/rtc.js'

const SDP = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'a=setup:actpass',
  'a=candidate:1 1 udp 1 198.51.100.1 9 typ host',
  '',
].join('\r\n')

export class FakeRtcChannel extends EventTarget implements RtcChannel {
  readonly label: string
  readyState = 'connecting'
  bufferedAmount = 0
  bufferedAmountLowThreshold = 0
  binaryType = 'blob'
  readonly sent: unknown[] = []
  closes = 0

  constructor(label: string) {
    super()
    this.label = label
  }

  send(data: unknown): void {
    this.sent.push(data)
  }

  close(): void {
    this.closes++
    this.readyState = 'closed'
  }

  open(): void {
    this.readyState = 'open'
    this.dispatchEvent(new Event('open'))
  }

  receive(data: unknown): void {
    this.dispatchEvent(new MessageEvent('message', { data }))
  }
}

export class FakeRtc extends EventTarget implements RtcConnection {
  connectionState?: string = 'new'
  iceConnectionState = 'new'
  iceGatheringState = 'new'
  signalingState = 'stable'
  localDescription: { sdp: string } | null = null
  readonly channels: FakeRtcChannel[] = []
  readonly calls: string[] = []
  /** The option `iceRestart` of each offer. */
  readonly iceRestarts: boolean[] = []
  readonly remote: RTCSessionDescriptionInit[] = []
  readonly candidates: RTCIceCandidateInit[] = []
  /** Replaces the result of a call, by its name. */
  readonly instead = new Map<string, () => Promise<never>>()
  stats: unknown[] = []
  closes = 0

  createDataChannel(label: string): FakeRtcChannel {
    const channel = new FakeRtcChannel(label)
    this.channels.push(channel)
    return channel
  }

  createOffer(options?: { iceRestart: boolean }): Promise<RTCSessionDescriptionInit> {
    this.iceRestarts.push(options?.iceRestart === true)
    return this.#call('createOffer', () => ({ type: 'offer', sdp: SDP }))
  }

  createAnswer(): Promise<RTCSessionDescriptionInit> {
    return this.#call('createAnswer', () => ({ type: 'answer', sdp: SDP.replace('actpass', 'passive') }))
  }

  setLocalDescription(description: RTCSessionDescriptionInit): Promise<void> {
    const { type } = description
    return this.#call(type === 'rollback' ? 'rollback' : 'setLocalDescription', () => {
      this.signalingState = type === 'offer' ? 'have-local-offer' : 'stable'
      if (type !== 'rollback') this.localDescription = { sdp: description.sdp ?? '' }
    })
  }

  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    return this.#call('setRemoteDescription', () => {
      this.remote.push(description)
      if (description.type === 'answer') this.signalingState = 'stable'
    })
  }

  addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    return this.#call('addIceCandidate', () => void this.candidates.push(candidate))
  }

  getStats(): Promise<unknown[]> {
    return this.#call('getStats', () => this.stats)
  }

  close(): void {
    this.closes++
    this.connectionState = 'closed'
  }

  become(state: string): void {
    this.connectionState = state
    this.dispatchEvent(new Event('connectionstatechange'))
  }

  /** Fires a local candidate. */
  gather(candidate: string): void {
    const init = { candidate, sdpMid: '0', sdpMLineIndex: 0 }
    this.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: init }))
  }

  ice(state: string): void {
    this.iceConnectionState = state
    this.dispatchEvent(new Event('iceconnectionstatechange'))
  }

  gathered(how: 'complete' | 'null candidate'): void {
    if (how === 'complete') {
      this.iceGatheringState = 'complete'
      this.dispatchEvent(new Event('icegatheringstatechange'))
    } else this.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: null }))
  }

  incoming(label: string): FakeRtcChannel {
    const channel = new FakeRtcChannel(label)
    this.dispatchEvent(Object.assign(new Event('datachannel'), { channel }))
    return channel
  }

  async #call<T>(name: string, result: () => T): Promise<T> {
    this.calls.push(name)
    const instead = this.instead.get(name)
    return instead === undefined ? result() : instead()
  }
}

export const never = (): Promise<never> => new Promise(() => {})
