/** What happened in one swarm, stage by stage, for each signalling apart, with reasons. */

/** Each stage a peer goes through, counted since the swarm began. */
export interface StageCounts {
  /** Announcements that left. */
  announced: number
  /** Offers of ours that left, and those of them that were gathered for an earlier announcement. */
  offered: number
  /** Offers and answers of others that arrived. */
  offersReceived: number
  answersReceived: number
  /** Answers of ours that left. */
  answered: number
  /** Connections that opened, and torrents in common that were found on one that was open already. */
  connected: number
  /** Those of them that another peer introduced. */
  exchanged: number
  /** Wires and message channels that were handed over. */
  wired: number
  messaging: number
  /** Offers and answers that were not taken up, by reason. */
  refused: Record<string, number>
  /** Connections that never opened, by error code. */
  failed: Record<string, number>
  /** Connections that had been open, by error code, or `closed`. */
  lost: Record<string, number>
}

type Plain = { [Name in keyof StageCounts]: StageCounts[Name] extends number ? Name : never }[keyof StageCounts]
type Reasoned = Exclude<keyof StageCounts, Plain>

/** One step of somebody through the stages. */
export interface StageStep {
  stage: keyof StageCounts
  /** By which signalling: a tracker's name, a driver's name, `exchange`, or `connection` for what was found on one that was open already. */
  signaling: string
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

  /** The reasons are codes of ours, so the records stay small. */
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
