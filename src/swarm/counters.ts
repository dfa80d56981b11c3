/** What happened in one swarm, stage by stage, with reasons. */

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
  /** Connections that opened. */
  connected: number
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

type Stage = { [Name in keyof StageCounts]: StageCounts[Name] extends number ? Name : never }[keyof StageCounts]
type Reasoned = Exclude<keyof StageCounts, Stage>

export class Counters {
  readonly #counts: StageCounts = {
    announced: 0,
    offered: 0,
    offersReceived: 0,
    answersReceived: 0,
    answered: 0,
    connected: 0,
    wired: 0,
    messaging: 0,
    refused: {},
    failed: {},
    lost: {},
  }

  add(stage: Stage, count = 1): void {
    this.#counts[stage] += count
  }

  /** The reasons are codes of ours, so the records stay small. */
  because(stage: Reasoned, reason: string): void {
    const reasons = this.#counts[stage]
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }

  snapshot(): StageCounts {
    return structuredClone(this.#counts)
  }
}
