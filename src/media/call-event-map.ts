/** The events that Sender and Receiver have in common. */
import type { DisposeReason } from './bus/codec.js'
import type { MediaStats, Quality } from './tracks/media-stats.js'

/** Events of both classes. */
export interface CallEventMap {
  /** The connection works. */
  connect: { id: string; peer: RTCPeerConnection; peerId: string | undefined }
  /** The path was lost; it is being restarted. */
  reconnecting: { id: string; peer: RTCPeerConnection }
  /** The path works again. */
  reconnected: { id: string; peer: RTCPeerConnection }
  /** The connection has ended. */
  dispose: { id: string; peer: RTCPeerConnection | undefined; reason: DisposeReason; error?: Error }
  /** A message of the application arrived. */
  message: { id: string; message: string | ArrayBuffer }
  /** The other end takes messages again, after `send` returned false. */
  drain: { id: string }
  /** How well a connection works changed. */
  quality: { id: string; quality: Quality; stats: MediaStats }
  /** An operation failed; the end goes on. `id` is the other end's, or this end's where it concerns no other. */
  error: { id: string; error: Error }
}
