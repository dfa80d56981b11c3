/** Applies same-host.ts in Node, which can read the addresses of the machine. */
import { networkInterfaces } from 'node:os'
import { hasKnocked, takeLocalOffer, type SameHostOffer } from './same-host.js'

/** Splits the offer if libdatachannel made it on this machine, else undefined. `early`: its candidates that arrived before it. */
export function takeOfferOfThisMachine(offer: string, early: RTCIceCandidateInit[]): SameHostOffer | undefined {
  return takeLocalOffer(offer, early, ownAddresses())
}

/** Whether the answerer has knocked (see same-host.ts) and may be on this machine. */
export function hasKnockedHere(answer: string): boolean {
  return hasKnocked(answer, ownAddresses())
}

/** The addresses of this machine, in lower case. */
export function ownAddresses(): Set<string> {
  return new Set(Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(({ address }) => address.toLowerCase())))
}
