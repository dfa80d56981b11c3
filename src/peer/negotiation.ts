/** How one connection comes about, as pure transitions. Knows no engine and no clock. */
import type { SwarmlinkError } from '../core/errors.js'

/** Where a connection stands. The caller made the offer, the callee answers it. */
export type Negotiation =
  | { name: 'offered' }
  | { name: 'answering' }
  | { name: 'connecting'; role: Role }
  | { name: 'open'; role: Role }
  /** This side has said all that it wants to; what it said last may still be on its way. */
  | { name: 'leaving'; role: Role }
  | { name: 'closed'; error: SwarmlinkError | undefined }

export type Role = 'caller' | 'callee'

export type Step =
  /** The remote's answer to our offer came. */
  | { name: 'answer' }
  /** Our answer to the remote's offer is ready to leave. */
  | { name: 'answered' }
  /** The first channel opened. */
  | { name: 'open' }
  | { name: 'leave' }
  | { name: 'close'; error?: SwarmlinkError }

/** The state after a step, or the same state when the step comes too late or twice: nothing a remote does can throw here. */
export function negotiate(state: Negotiation, step: Step): Negotiation {
  if (state.name === 'closed') return state
  switch (step.name) {
    case 'answer':
      return state.name === 'offered' ? { name: 'connecting', role: 'caller' } : state
    case 'answered':
      return state.name === 'answering' ? { name: 'connecting', role: 'callee' } : state
    case 'open':
      // A fast remote may open the channel before our own `createAnswer` has told us that it is done.
      if (state.name === 'answering') return { name: 'open', role: 'callee' }
      return state.name === 'connecting' ? { name: 'open', role: state.role } : state
    case 'leave':
      return state.name === 'open' ? { name: 'leaving', role: state.role } : state
    case 'close':
      return { name: 'closed', error: step.error }
  }
}

/**
 * Which of two connections to the same peer stays when both sides called at once: the one that the higher announce id
 * started. Both sides compute the same, so exactly one survives.
 */
export function callerWins(self: string, remote: string): boolean {
  return self > remote
}
