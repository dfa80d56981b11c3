/** A description as it leaves for one topic: with our identity in it. */
import { withAlone, withSecluded } from '../core/sdp.js'
import { signDescription, type ProofContext } from '../identity/proof.js'
import type { LocalOffer } from '../peer/offer-pool.js'
import type { Coordinator } from './coordinator.js'
import type { Network } from './network.js'

export interface SigningParts {
  network: Network
  coordinator: Coordinator<LocalOffer>
}

export async function sign(sdp: string, context: ProofContext, { network, coordinator }: SigningParts): Promise<string> {
  const { identity, announceId } = network
  const { registry } = coordinator
  const text = registry.isAlone ? withAlone(sdp) : sdp
  return await signDescription(registry.shares ? text : withSecluded(text), { ...context, identity, announceId })
}
