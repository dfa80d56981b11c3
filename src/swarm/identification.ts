/** Who sent a description, and whether it is welcome: its proof, its name, the application's word. */
import { withDeadline } from '../core/env.js'
import { ProtocolError, SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { Sdp } from '../core/sdp.js'
import { verifyProof, type Proof, type ProofContext } from '../identity/proof.js'
import type { Remote } from '../peer/remote-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import type { Network } from './network.js'

/** How long the application may think about a peer; the peer waits no longer for its connection. */
const ADMIT_TIMEOUT = 10_000
/** Parts of an identity line with a proof in it. */
const PROVEN = 5

/** Throws when the identity is false. */
export async function identify(
  network: Network,
  { source }: Signaling,
  sdp: Sdp,
  context: ProofContext & { from: Id },
): Promise<Remote> {
  const proof = await verifyProof(sdp, context)
  checkName(network, source, proof)
  const { from } = context
  if (proof === undefined) return { announceId: from, peerId: from, ours: false, verified: false }
  return { announceId: from, peerId: proof.peerId, ours: true, verified: proof.verified }
}

/** Whether it says that its id is its own. Costs nothing, so it is asked before {@link identify}, which finds out. */
export function showsProof(network: Network, { identity }: Sdp): boolean {
  return !canTell(network) || identity?.split(' ').length === PROVEN
}

/** Whether its id is its own, as far as we can tell: by its proof, once somebody looked at that. */
export function isProven(network: Network, remote?: Remote): boolean {
  return !canTell(network) || remote?.verified === true
}

/** Whether others are introduced to it, who refuse whoever does not prove its identity, and distrust whoever brought that one. */
export function mayExchange({ identity }: Network, { verified }: Remote): boolean {
  return identity.key === undefined || verified
}

/** The application's word. One that it never gives must not block the gate for everybody. */
export async function isAdmitted({ admit, env }: Network, remote: Remote, signaling: Signaling): Promise<boolean> {
  const late = () => new SwarmlinkError('ERR_IDENTITY', `\`verify\` gave no word on a peer within ${ADMIT_TIMEOUT / 1_000} s`)
  return await withDeadline(env, Promise.resolve(admit(remote, signaling)), ADMIT_TIMEOUT, late)
}

/** Throws where somebody in between could have put a description of its own in another's name. */
function checkName({ identity, bound }: Network, source: Signaling['source'], proof: Proof | undefined): void {
  if (identity.key === undefined) return // we could not tell
  if (source === 'exchange' && proof?.verified !== true)
    throw new ProtocolError(
      'ERR_IDENTITY',
      'refused a session description: who is introduced by a peer has to prove its identity',
    )
  if (bound && proof?.verified === true && !proof.bound)
    throw new ProtocolError('ERR_IDENTITY', 'refused a session description: its announce id was not made for its key')
}

function canTell({ identity, bound }: Network): boolean {
  return identity.key !== undefined && bound
}
