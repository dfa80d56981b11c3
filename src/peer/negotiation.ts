/** How one connection comes about, as pure transitions. Knows no engine and no clock. */

/** The offerer made the offer, the answerer answers it. */
export type Role = 'offerer' | 'answerer'

export type Negotiation =
  | 'offered'
  | 'answering'
  | 'connecting'
  | 'open'
  /** This side has said all that it wants to; what it said last may still be on its way. */
  | 'leaving'
  | 'closed'

export type Step = 'answer' | 'answered' | 'open' | 'leave'

/** The states that a step ends, and the state that it leads to. */
const STEPS: Record<Step, { from: readonly Negotiation[]; to: Negotiation }> = {
  /** The remote's answer to our offer arrived. */
  answer: { from: ['offered'], to: 'connecting' },
  /** Our answer to the remote's offer is ready to leave. */
  answered: { from: ['answering'], to: 'connecting' },
  /** The first channel opened. A fast remote may open it before our own `createAnswer` has told us that it is done. */
  open: { from: ['answering', 'connecting'], to: 'open' },
  leave: { from: ['open'], to: 'leaving' },
}

/** The state after a step, or the same state when the step comes too late or twice: nothing a remote does can throw here. */
export function negotiate(state: Negotiation, step: Step): Negotiation {
  const { from, to } = STEPS[step]
  return from.includes(state) ? to : state
}

/** Which of two connections stays when both sides dialled at once: the one of the higher announce id. Both sides compute the same. */
export function offererWins(self: string, remote: string): boolean {
  return self > remote
}
