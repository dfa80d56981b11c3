/** Counts the stages of all peers of one swarm, with reasons, in total and per signalling. */

/** Each stage a peer goes through, counted since the swarm began. */
export interface StageCounts {
  /** Announcements that left. */
  announced: number
  /** Our offers that left; a reused one counts again. */
  offered: number
  /** Offers and answers that arrived. */
  offersReceived: number
  /** Answers that arrived. */
  answersReceived: number
  /** Our answers that left. */
  answered: number
  /** Connections that opened, and torrents in common that were found on one that was open already. */
  connected: number
  /** Those of them that peer exchange brought. */
  exchanged: number
  /** Wires and message channels that were handed over. */
  wired: number
  /** Message channels that were handed over. */
  messaging: number
  /** Refused offers and answers, by reason. */
  refused: Record<string, number>
  /** Connections that never opened, by error code. */
  failed: Record<string, number>
  /** Connections that had been open, by error code, or `closed`. */
  lost: Record<string, number>
}

type Plain = { [Name in keyof StageCounts]: StageCounts[Name] extends number ? Name : never }[keyof StageCounts]
type Reasoned = Exclude<keyof StageCounts, Plain>

/** One count of one stage. */
export interface StageStep {
  /** The count that grew. */
  stage: keyof StageCounts
  /** By which signalling: a tracker's name, a driver's name, `exchange`, or `connection` for what was found on one that was open already. */
  signaling: string
  /** By how much it grew. */
  count: number
  /** A code, where the stage has reasons. */
  reason?: string
}

export class Counters {
  readonly #tell: (step: StageStep) => void
  readonly #total = none()
  readonly #bySignaling = new Map<string, StageCounts>()

  constructor(tell: (step: StageStep) => void = () => {}) {
    this.#tell = tell
  }

  add(stage: Plain, signaling: string, count = 1): void {
    if (count === 0) return
    for (const counts of [this.#total, this.#of(signaling)]) counts[stage] += count
    this.#tell({ stage, signaling, count })
  }

  /** Reasons are codes of this library, so the records stay small. */
  because(stage: Reasoned, reason: string, signaling: string): void {
    for (const { [stage]: reasons } of [this.#total, this.#of(signaling)]) reasons[reason] = (reasons[reason] ?? 0) + 1
    this.#tell({ stage, signaling, count: 1, reason })
  }

  total(): StageCounts {
    return structuredClone(this.#total)
  }

  bySignaling(): Record<string, StageCounts> {
    return structuredClone(Object.fromEntries(this.#bySignaling))
  }

  #of(signaling: string): StageCounts {
    let counts = this.#bySignaling.get(signaling)
    if (counts === undefined) this.#bySignaling.set(signaling, (counts = none()))
    return counts
  }
}

function none(): StageCounts {
  return {
    announced: 0,
    offered: 0,
    offersReceived: 0,
    answersReceived: 0,
    answered: 0,
    connected: 0,
    exchanged: 0,
    wired: 0,
    messaging: 0,
    refused: {},
    failed: {},
    lost: {},
  }
}
