/** The input and the result of a check. */
import type { Env } from '../core/env.js'
import type { Engine } from '../engine/engine.js'
import type { Engines } from './engines.js'
import type { TryImport } from './import-trial.js'
import type { Place } from './place.js'

/** `limited`: a warning, everything that was asked for works. */
export type CheckResult = 'works' | 'limited' | 'fails'

/** The checks, and their names in the report. */
export const TITLES = {
  node: 'Node',
  webrtc: 'WebRTC',
  connection: 'Connection',
  data: 'Data',
  identity: 'Identity',
  webtorrent: 'WebTorrent',
  tracker: 'Tracker',
  stun: 'STUN',
  nat: 'NAT',
  turn: 'TURN',
}

export type CheckName = keyof typeof TITLES

/** The result of one check. */
export interface Outcome {
  verdict: CheckResult
  /** The result for people: part of a sentence, without a full stop. */
  says: string
  /** What to do: whole sentences, without the last full stop. */
  advice?: string
  /** The result for programs. */
  facts?: Record<string, unknown>
}

export interface Finding extends Outcome {
  check: CheckName
  server?: string
}

export interface Context {
  env: Env
  /** Of each check, in milliseconds. */
  timeout: number
  engines: Engines
  /** The version of Node, or of the Node whose interfaces the runtime offers, and the range that swarmlink needs. */
  node: { version: string; needed: string }
  place: Place
  /** The range of WebTorrent versions that swarmlink needs, and the folder of the application that imports it. */
  webtorrent: { needed: string; folder: string; tryImport: TryImport }
}

/** A check throws it if something does not work. */
export class CheckFailure extends Error {
  readonly advice: string

  constructor(says: string, advice: string) {
    super(says)
    this.advice = advice
  }
}

/** The engine for a check; throws if there is none. */
export function engineOf({ used }: Engines): Engine {
  if (used === undefined) throw new CheckFailure('there is no WebRTC to try it with', 'See the line about WebRTC')
  return used
}

/** Formats a timeout. */
export function seconds(ms: number): string {
  return `${ms / 1_000} s`
}
