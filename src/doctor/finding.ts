/** What a check of the doctor is given, and what it finds. */
import type { Env } from '../core/env.js'
import type { Engine } from '../engine/engine.js'
import type { Engines } from './engines.js'
import type { TryImport } from './import-trial.js'

/** `limited` is worth knowing, but nothing that was asked for is broken. */
export type Verdict = 'works' | 'limited' | 'fails'

export type CheckName =
  | 'node'
  | 'webrtc'
  | 'connection'
  | 'data'
  | 'identity'
  | 'webtorrent'
  | 'tracker'
  | 'stun'
  | 'nat'
  | 'turn'

/** What came of one check. */
export interface Outcome {
  verdict: Verdict
  /** What is so, for people: half a sentence without its full stop. */
  says: string
  /** What to do about it, when something can be done: whole sentences, without the last full stop. */
  advice?: string
  /** The same for programs. */
  facts?: Record<string, unknown>
}

export interface Finding extends Outcome {
  check: CheckName
  /** Which server, where there may be several. */
  server?: string
}

export interface Context {
  env: Env
  /** For each check, in milliseconds. */
  timeout: number
  engines: Engines
  /** The version of Node, and the one that we need at least. */
  node: { version: string; needed: string }
  /** The version of WebTorrent that we need at least, and the folder of the application that is to import it. */
  webtorrent: { needed: string; folder: string; tryImport: TryImport }
}

/** Thrown by a check when something does not work. */
export class Trouble extends Error {
  readonly advice: string

  constructor(says: string, advice: string) {
    super(says)
    this.advice = advice
  }
}

/** The engine to try something with. */
export function engineOf({ used }: Engines): Engine {
  if (used === undefined) throw new Trouble('there is no WebRTC to try it with', 'See above')
  return used
}

/** For the end of a deadline. */
export function seconds(ms: number): string {
  return `${ms / 1_000} s`
}
