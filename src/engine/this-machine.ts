/** Applies same-host.ts in Node, which can read the addresses of the machine. */
import { networkInterfaces } from 'node:os'
import { readSafely } from '../core/uncaught.js'
import { noticesOf } from './loopback-notices.js'
import { hasKnocked, takeLocalAnswer, takeLocalOffer, type HeldDescription } from './same-host.js'

/** Splits the offer if libdatachannel made it on this machine, else undefined. `early`: its candidates that arrived before it. */
export function takeOfferOfThisMachine(offer: string, early: RTCIceCandidateInit[]): HeldDescription | undefined {
  return takeLocalOffer(offer, early, ownAddresses())
}

/** Splits the answer if it was made on this machine and expects a notice, else undefined. */
export function takeAnswerOfThisMachine(answer: string): HeldDescription | undefined {
  return noticesOf(answer) === undefined ? undefined : takeLocalAnswer(answer, ownAddresses())
}

/** Whether the answerer has knocked (see same-host.ts) and may be on this machine. */
export function hasKnockedHere(answer: string): boolean {
  return hasKnocked(answer, ownAddresses())
}

/** The addresses of this machine, in lower case. None if the system refuses to list them, as Android and Deno without `--allow-sys` do. */
export function ownAddresses(): Set<string> {
  const interfaces = readSafely(networkInterfaces) ?? {}
  return new Set(Object.values(interfaces).flatMap(list => (list ?? []).map(({ address }) => address.toLowerCase())))
}
