/** Maps the states of an engine's connection to {@link ConnectionState}, and those to errors. Keeps no state. */
import { asCause, SwarmlinkError } from '../core/errors.js'
import type { ConnectionState } from './engine.js'
import type { RtcConnection, RtcTarget } from './rtc.js'

/** Whether the transport exists and has events: an engine may have neither. */
export function hasEvents(sctp: RtcConnection['sctp']): sctp is { readonly state: string } & RtcTarget {
  return sctp?.addEventListener !== undefined && sctp.removeEventListener !== undefined
}

/** Whether data was carried, or still is. */
export function isEstablished(state: ConnectionState): boolean {
  return state === 'connected' || state === 'disconnected'
}

/** Whether ICE has a path. */
export function hasPath({ iceConnectionState }: RtcConnection): boolean {
  return iceConnectionState === 'connected' || iceConnectionState === 'completed'
}

/** The error of a call on a connection that has ended. */
export function ended(state: ConnectionState, cause?: unknown): SwarmlinkError {
  return state === 'failed'
    ? new SwarmlinkError('ERR_ICE_FAILED', 'the connection has failed', { cause: asCause(cause) })
    : new SwarmlinkError('ERR_CLOSED', 'the connection is closed', { cause: asCause(cause) })
}

/** Falls back to the ICE state if the engine has no `connectionState`. */
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
