/** A socket that speaks the tracker protocol. Moves frames; knows nothing of topics, torrents or WebRTC. */
import type { Env } from '../../core/env.js'
import { logger } from '../../core/log.js'
import { ReconnectingSocket, type SocketProtocol } from '../socket.js'
import { decode, FrameError, MAX_FRAME, MAX_INTERVAL, type Inbound } from './wire.js'

/** Public trackers answer an announcement within 1 s, under load within 10 s. */
export const REPLY_TIMEOUT = 30_000
/** No pace that the codec lets through is slower than one announcement in half of this, and each is answered. */
export const SILENCE_TIMEOUT = 2 * MAX_INTERVAL

const PROTOCOL: SocketProtocol<Inbound, FrameError> = {
  server: 'the tracker',
  code: 'ERR_TRACKER_LINK',
  log: logger('tracker'),
  maxFrame: MAX_FRAME,
  patience: { reply: REPLY_TIMEOUT, silence: SILENCE_TIMEOUT },
  decode,
  isFault: error => error instanceof FrameError,
  isGood: ({ kind }) => kind !== 'failure' && kind !== 'complaint',
}

export class TrackerSocket extends ReconnectingSocket<Inbound, FrameError> {
  constructor(url: string, env: Env) {
    super(url, PROTOCOL, env)
  }
}
