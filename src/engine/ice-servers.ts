/** The options that say how connections are made, `iceServers` and `rtcConfig`: the same for every class, read in one place. */
import { checkRecord, invalid, isRecord } from '../core/arguments.js'

/** The STUN servers that are asked when the application names none: without one, peers behind different routers do not meet. */
export const PUBLIC_ICE_SERVERS: RTCIceServer[] = [
  { urls: 'stun:stun.l.google.com:19302' },
  { urls: 'stun:stun1.l.google.com:19302' },
  { urls: 'stun:stun.cloudflare.com:3478' },
]

/** Taken by every class that makes connections. */
export interface RtcOptions {
  /** STUN and TURN servers, in place of `rtcConfig.iceServers`. `[]` asks none. @default three public STUN servers */
  iceServers?: RTCIceServer[]
  /** The `RTCConfiguration` of every connection. Its `iceServers` count when the option of that name is missing. @default {} */
  rtcConfig?: RTCConfiguration
}

export const RTC_OPTIONS = ['iceServers', 'rtcConfig'] as const satisfies Array<keyof RtcOptions>

/** The configuration of every connection; throws for what cannot be meant. */
export function readRtcConfig({ iceServers: given, rtcConfig = {} }: RtcOptions): RTCConfiguration {
  checkRecord('rtcConfig', rtcConfig, 'an RTCConfiguration')
  const { iceServers = PUBLIC_ICE_SERVERS } = rtcConfig
  checkIceServers('rtcConfig.iceServers', iceServers)
  if (given !== undefined) checkIceServers('iceServers', given)
  return { ...rtcConfig, iceServers: given ?? iceServers }
}

/** `{ urls: 'stun:…' }` and the like; the engines' own words about a wrong one name neither the option nor the server. */
function checkIceServers(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw invalid(name, 'a list such as [{ urls: "stun:host:3478" }]', value)
  for (const server of value as unknown[]) {
    const { urls, username = '', credential = '' } = isRecord(server) ? server : {}
    const list = [urls].flat()
    if (list.length === 0 || !list.every(isIceUrl)) {
      const wrong = isRecord(server) ? list.find(url => !isIceUrl(url)) : server
      throw invalid(`${name}: urls`, 'one or more URLs that begin with stun:, turn: or turns: and hold no password', wrong)
    }
    for (const secret of [username, credential])
      if (typeof secret !== 'string') throw invalid(`${name}: username and credential`, 'texts', typeof secret) // its value stays out of messages
  }
}

function isIceUrl(url: unknown): boolean {
  return typeof url === 'string' && /^(stuns?|turns?):[^\s@]+$/i.test(url)
}
