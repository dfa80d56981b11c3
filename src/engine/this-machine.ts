/** Applies same-host.ts in Node, where a program can read the addresses of its machine. */
import { networkInterfaces } from 'node:os'
import { takeLocalOffer, type LocalOffer } from './same-host.js'

/** The offer in two parts if libdatachannel made it on this machine, else undefined. */
export function takeOfferOfThisMachine(offer: string): LocalOffer | undefined {
  return takeLocalOffer(offer, ownAddresses())
}

function ownAddresses(): Set<string> {
  return new Set(Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(({ address }) => address.toLowerCase())))
}
