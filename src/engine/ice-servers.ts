/** The options `iceServers` and `rtcConfig`, which all classes share. */
import { checkRecord, invalid, isRecord } from '../core/arguments.js'

/** The default STUN servers: without one, peers behind different NATs cannot connect. */
export const PUBLIC_ICE_SERVERS: RTCIceServer[] = [
  { urls: 'stun:stun.l.google.com:19302' },
  { urls: 'stun:stun1.l.google.com:19302' },
  { urls: 'stun:stun.cloudflare.com:3478' },
]

/** Options of each class that makes connections. */
export interface RtcOptions {
  /** STUN and TURN servers, instead of `rtcConfig.iceServers`. `[]` uses none. @default three public STUN servers */
  iceServers?: RTCIceServer[]
  /** The `RTCConfiguration` of every connection. Its `iceServers` apply if the option `iceServers` is missing. @default {} */
  rtcConfig?: RTCConfiguration
}

export const RTC_OPTIONS = ['iceServers', 'rtcConfig'] as const satisfies Array<keyof RtcOptions>

/** Makes the configuration of every connection; throws for invalid options. */
export function readRtcConfig({ iceServers: given, rtcConfig = {} }: RtcOptions): RTCConfiguration {
  checkRecord('rtcConfig', rtcConfig, 'an RTCConfiguration')
  const { iceServers = PUBLIC_ICE_SERVERS } = rtcConfig
  checkIceServers('rtcConfig.iceServers', iceServers)
  if (given !== undefined) checkIceServers('iceServers', given)
  return { ...rtcConfig, iceServers: given ?? iceServers }
}

export function usesStun(config: RTCConfiguration): boolean {
  return hasUrl(config, /^stuns?:/i)
}

export function usesTurn(config: RTCConfiguration): boolean {
  return hasUrl(config, /^turns?:/i)
}

function hasUrl({ iceServers = [] }: RTCConfiguration, form: RegExp): boolean {
  return iceServers.flatMap(server => server.urls).some(url => form.test(url))
}

/** Checks a list of `{ urls: 'stun:…' }`, because the errors of the engines name neither the option nor the server. */
function checkIceServers(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw invalid(name, 'a list such as [{ urls: "stun:host:3478" }]', value)
  for (const server of value as unknown[]) {
    const { urls, username = '', credential = '' } = isRecord(server) ? server : {}
    const list = [urls].flat()
    if (list.length === 0 || !list.every(isIceUrl)) {
      const wrong = isRecord(server) ? list.find(url => !isIceUrl(url)) : server
      throw invalid(`${name}: urls`, 'one or more URLs that begin with stun:, turn: or turns: and contain no password', wrong)
    }
    for (const secret of [username, credential])
      if (typeof secret !== 'string') throw invalid(`${name}: username and credential`, 'strings', typeof secret) // the error must not contain the value
  }
}

function isIceUrl(url: unknown): boolean {
  return typeof url === 'string' && /^(stuns?|turns?):[^\s@]+$/i.test(url)
}
