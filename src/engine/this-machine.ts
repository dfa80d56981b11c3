/** Applies same-host.ts in Node, where a program can read the addresses of its machine. */
import { networkInterfaces } from 'node:os'
import { hasKnocked, takeLocalOffer, type LocalOffer } from './same-host.js'

/** The offer in two parts if libdatachannel made it on this machine, else undefined. `early`: its candidates that have come apart from it. */
export function takeOfferOfThisMachine(offer: string, early: RTCIceCandidateInit[]): LocalOffer | undefined {
  return takeLocalOffer(offer, early, ownAddresses())
}

/** Whether the end that answered has knocked, and may be on this machine. */
export function hasKnockedHere(answer: string): boolean {
  return hasKnocked(answer, ownAddresses())
}

function ownAddresses(): Set<string> {
  return new Set(Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(({ address }) => address.toLowerCase())))
}
