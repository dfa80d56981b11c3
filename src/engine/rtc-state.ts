/** What an engine's connection says of itself, in our words. Knows nothing of what we made of it before. */
import type { ConnectionState } from './engine.js'
import type { RtcConnection, RtcTarget } from './rtc.js'

/** One engine has no such transport, and another's might be silent. */
export function hasEvents(sctp: RtcConnection['sctp']): sctp is { readonly state: string } & RtcTarget {
  return sctp?.addEventListener !== undefined && sctp.removeEventListener !== undefined
}

/** Not every engine has the state of the whole; the state of ICE is then the best there is. */
export function stateOf(rtc: RtcConnection): ConnectionState {
  const state = rtc.iceConnectionState === 'failed' ? 'failed' : (rtc.connectionState ?? rtc.iceConnectionState)
  switch (state) {
    case 'checking':
      return 'connecting'
    case 'completed':
      return 'connected'
    case 'connecting':
    case 'connected':
    case 'disconnected':
    case 'failed':
    case 'closed':
      return state
    default:
      return 'new'
  }
}
