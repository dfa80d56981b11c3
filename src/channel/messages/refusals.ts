/** The errors of failed messages, streams and frames. */
import { misuse, SwarmlinkError, tooLarge } from '../../core/errors.js'
import { MAX_SMALL, type SendResult } from './frame-codec.js'

const REASONS: Partial<Record<SendResult, string>> = {
  busy: 'the peer has too many unfinished messages: send it again later',
  unwanted: "the peer has no 'stream' listener",
  idle: 'timeout: the peer waited too long for the rest',
  cancelled: 'the peer cancelled the transfer',
}

/** The remote peer refused a message or a stream. */
export function refused(verdict: SendResult, size: number | undefined): SwarmlinkError {
  return verdict === 'too-large'
    ? tooLarge(`the peer refused a message of ${size ?? 'too many'} bytes`)
    : new SwarmlinkError('ERR_REFUSED', REASONS[verdict] ?? 'the peer refused a message')
}

export function spoiled(): SwarmlinkError {
  return misuse(
    `the buffer of a message was transferred or shortened before its bytes had left: more than ${MAX_SMALL} bytes are not copied, so do not change them until then, or send a copy`,
  )
}

export function queueFull(limit: number): SwarmlinkError {
  const message = `more than ${limit} bytes are queued for this peer: wait for 'drain' when send() returns false`
  return new SwarmlinkError('ERR_QUEUE_FULL', message)
}

export function closed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
}

/** The remote peer violated the protocol. */
export function bad(message: string): SwarmlinkError {
  return new SwarmlinkError('ERR_BAD_FRAME', message)
}

/** The remote peer sent more than its window. */
export function overrun(): SwarmlinkError {
  return bad('the peer exceeded its credit')
}
