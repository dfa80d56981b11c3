/** The errors of messages and streams that came to nothing. */
import { SwarmlinkError } from '../core/errors.js'
import { MAX_SMALL, type Verdict } from './wire.js'

const REASONS: Partial<Record<Verdict, string>> = {
  busy: 'the peer has too many unfinished messages',
  unwanted: "the peer has no 'stream' listener",
  idle: 'the peer waited too long for the rest',
  cancelled: 'the peer does not want the rest',
}

/** The remote refused a message or a stream. */
export function refused(verdict: Verdict, size: number | undefined): SwarmlinkError {
  return verdict === 'too-large'
    ? new SwarmlinkError('ERR_MESSAGE_TOO_LARGE', `the peer takes no message of ${size ?? 'so many'} bytes`)
    : new SwarmlinkError('ERR_REFUSED', REASONS[verdict] ?? 'the peer refused a message')
}

export function spoiled(): SwarmlinkError {
  return new SwarmlinkError(
    'ERR_INVALID_ARGUMENT',
    `the buffer of a message was transferred elsewhere or cut before its bytes had left: more than ${MAX_SMALL} bytes are not copied, so leave them alone until then, or send a copy`,
  )
}

export function closed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
}

/** The remote broke a rule. */
export function bad(message: string): SwarmlinkError {
  return new SwarmlinkError('ERR_BAD_FRAME', message)
}
