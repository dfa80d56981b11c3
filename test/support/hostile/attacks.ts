/**
 * Generated attacks. A round is one small world. A case is a short script of an attacker's moves in it, derived from its number. The
 * world follows from the number of the round, so a failed case is repeated by its number: the earlier cases of its round run too.
 */
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'vitest'
import { toHex } from '../../../src/core/bytes.js'
import type { VirtualEnv } from '../fakes/virtual-env.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** Cases per surface, set by the project in `vitest.config.ts`. */
    attacks: number
  }
}

/** One world costs as much as all of its cases. */
const CASES_A_ROUND = 50
const MAX_MOVES = 3
const DEFAULT_PAUSE = 300
/** Memory after the whole corpus is compared with memory after this share of it. A short corpus is not measured. */
const WARM = 0.5
const MEASURED_CASES = 10_000
const MAX_GROWTH = 1.05
/** V8 drops compiled code that was unused for several collections: 8 % of this heap after three. */
const COLLECTIONS = 12
/** Real milliseconds before a collection, until the last world is idle. */
const SETTLING = 20

/**
 * The attacker's random choices. The same seed gives the same choices (sfc32, 128 bits of state). `VirtualEnv` has 32 bits of state, all
 * in one cycle: an attacker that drew from it would sometimes draw the ids of honest members.
 */
export class Chance {
  readonly #state: [number, number, number, number]

  constructor(seed: number) {
    this.#state = [0x9e3779b9, seed, 0x243f6a88, 1]
    for (let round = 0; round < 15; round++) this.#next()
  }

  /** An integer from 0 up to and without `bound`. */
  below(bound: number): number {
    return Math.floor((this.#next() / 2 ** 32) * bound)
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  flip(): boolean {
    return this.below(2) === 1
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256))
  }

  /** An id that no member has. */
  id(): string {
    return toHex(this.bytes(20))
  }

  #next(): number {
    const [a, b, c, counter] = this.#state
    const drawn = (a + b + counter) | 0
    this.#state[0] = b ^ (b >>> 9)
    this.#state[1] = (c + (c << 3)) | 0
    this.#state[2] = ((c << 21) | (c >>> 11)) + drawn
    this.#state[3] = counter + 1
    return drawn >>> 0
  }

  /** The same bytes with one fault: truncated, longer, without the first bytes, or with one bit flipped. */
  spoil(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const spoilt = new Uint8Array(bytes)
    const at = this.below(Math.max(1, bytes.length))
    switch (this.below(4)) {
      case 0:
        return spoilt.slice(0, at)
      case 1:
        return new Uint8Array([...spoilt, ...this.bytes(1 + this.below(40))])
      case 2:
        return spoilt.slice(at)
      default:
        spoilt[at] = (spoilt[at] ?? 0) ^ (1 << this.below(8))
        return spoilt
    }
  }
}

/** A world under attack. */
export interface Scene {
  readonly env: VirtualEnv
  /** Checks the invariants after each case. Throws when one is violated. */
  check(): void | Promise<void>
  /** Ends the world. Throws when a newcomer is not admitted or anything remains. */
  end(): Promise<void>
}

export type Move<S> = (scene: S, chance: Chance) => void | Promise<void>

export interface Surface<S extends Scene> {
  name: string
  open(chance: Chance): Promise<S>
  moves: Readonly<Record<string, Move<S>>>
  /** The longest pause after a move, in virtual milliseconds. @default 300 */
  pause?: number
}

/** Runs `cases` cases, or the one that `ATTACK` names. The error of a failed case says how to repeat it. */
export async function expectSurvival<S extends Scene>(surface: Surface<S>, cases: number): Promise<void> {
  const only = process.env['ATTACK']
  const faults = watchFaults()
  const rounds = Math.ceil(cases / CASES_A_ROUND)
  let before: number | undefined
  try {
    if (only !== undefined) return await runRound(surface, Math.floor(Number(only) / CASES_A_ROUND), Number(only) + 1, faults)
    for (let round = 0; round < rounds; round++) {
      await runRound(surface, round, Math.min(cases, (round + 1) * CASES_A_ROUND), faults)
      if (cases >= MEASURED_CASES && round === Math.floor(rounds * WARM)) before = await memory()
    }
    if (before !== undefined) expect((await memory()) / before, 'memory after all attacks').toBeLessThanOrEqual(MAX_GROWTH)
  } finally {
    faults.stop()
  }
}

async function runRound<S extends Scene>(surface: Surface<S>, round: number, end: number, faults: Faults): Promise<void> {
  let number = round * CASES_A_ROUND
  let script: readonly string[] = ['the beginning']
  try {
    const scene = await surface.open(new Chance(round))
    for (let next = number; next < end; next++) {
      number = next
      const chance = new Chance(next)
      script = Array.from({ length: 1 + chance.below(MAX_MOVES) }, () => chance.pick(Object.keys(surface.moves)))
      for (const name of script) {
        await surface.moves[name]?.(scene, chance)
        await scene.env.advance(chance.below(surface.pause ?? DEFAULT_PAUSE))
      }
      await scene.check()
      faults.check()
    }
    script = ['the end']
    await scene.end()
    faults.check()
  } catch (cause) {
    const told = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`attack ${number} on ${surface.name} (${script.join(', ')}), repeat it with ATTACK=${number}: ${told}`, {
      cause,
    })
  }
}

interface Faults {
  /** Throws an uncaught error that occurred since the last call. */
  check(): void
  stop(): void
}

function watchFaults(): Faults {
  const seen: unknown[] = []
  const see = (fault: unknown) => void seen.push(fault)
  process.on('uncaughtException', see)
  process.on('unhandledRejection', see)
  return {
    check() {
      const [fault] = seen.splice(0)
      if (fault !== undefined) throw new Error('an uncaught error', { cause: fault })
    },
    stop() {
      process.off('uncaughtException', see)
      process.off('unhandledRejection', see)
    },
  }
}

/** Bytes of heap in use after a collection and its finalizers. */
async function memory(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void // exposed by that flag
  for (let nth = 0; nth < COLLECTIONS; nth++) {
    await setTimeout(SETTLING)
    collect()
  }
  return process.memoryUsage().heapUsed
}
