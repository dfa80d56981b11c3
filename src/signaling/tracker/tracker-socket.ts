/** A reconnecting socket with the tracker protocol. Moves frames; knows nothing of topics, torrents or WebRTC. */
import type { Env } from '../../core/env.js'
import { logger } from '../../core/log.js'
import { ReconnectingSocket, type SocketProtocol, type Traffic } from '../reconnecting-socket.js'
import { decode, FrameError, MAX_FRAME, MAX_INTERVAL, type InboundFrame } from './codec.js'

/** Public trackers answer an announcement within 1 s, under load within 10 s. */
export const REPLY_TIMEOUT = 30_000
/** The codec clamps intervals to half of this, and each announcement is answered, so a longer silence means a dead connection. */
export const SILENCE_TIMEOUT = 2 * MAX_INTERVAL

const PROTOCOL: SocketProtocol<InboundFrame, FrameError> = {
  server: 'the tracker',
  code: 'ERR_TRACKER_LINK',
  log: logger('tracker'),
  maxFrame: MAX_FRAME,
  patience: { reply: REPLY_TIMEOUT, silence: SILENCE_TIMEOUT },
  decode,
  isFault: error => error instanceof FrameError,
  isGood: ({ kind }) => kind !== 'failure' && kind !== 'complaint',
}

export class TrackerSocket extends ReconnectingSocket<InboundFrame, FrameError> {
  constructor(url: string, env: Env, traffic?: Traffic) {
    super(url, PROTOCOL, env, traffic)
  }
}
