/** Verifies who sent a description, and asks the application whether it accepts that peer. */
import { withDeadline } from '../../core/env.js'
import { ProtocolError, SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import type { Sdp } from '../../core/sdp.js'
import { verifyProof, type Proof, type ProofContext } from '../../identity/proof.js'
import type { Remote } from '../../peer/remote-peer.js'
import type { Signaling } from '../../signaling/signaling.js'
import type { Runtime } from '../runtime.js'
import type { SwarmContext } from '../swarm-context.js'

/** How long `verify` may take. The remote gives up its attempt after about that time. */
const ADMIT_TIMEOUT = 10_000
/** Parts of an identity line with a proof in it. */
const PROVEN = 5

/** Throws when the proof is false. */
export async function authenticate(
  runtime: Runtime,
  { source }: Signaling,
  sdp: Sdp,
  context: ProofContext & { from: Id },
): Promise<Remote> {
  const proof = await verifyProof(sdp, context)
  checkName(runtime, source, proof)
  const { from } = context
  if (proof === undefined) return { announceId: from, peerId: from, isSwarmlink: false, verified: false }
  return { announceId: from, peerId: proof.peerId, isSwarmlink: true, verified: proof.verified }
}

/** Whether the description has a proof, which {@link authenticate} verifies. Costs nothing. */
export function showsProof({ canTell }: Runtime, { identity }: Sdp): boolean {
  return !canTell || identity?.split(' ').length === PROVEN
}

/** Whether peers are introduced to this peer. They refuse an unproven peer, and distrust the relay peer that introduced it. */
export function mayExchange({ identity }: Runtime, { verified }: Remote): boolean {
  return identity.key === undefined || verified
}

/**
 * Asks the application. False when it or `requireIdentity` turns this peer away, which is not asked about again for a while. An answer that
 * it never gives must not hold a permit of the queue for ever.
 */
export async function authorize({ runtime, gater }: SwarmContext, remote: Remote, signaling: Signaling): Promise<boolean> {
  const { admit, env } = runtime
  const late = () =>
    new SwarmlinkError('ERR_IDENTITY', `\`verify\` did not settle within ${ADMIT_TIMEOUT / 1_000} s: the peer is refused`)
  const isWelcome = await withDeadline(env, Promise.resolve(admit(remote, signaling)), ADMIT_TIMEOUT, late)
  // An unverified peer is avoided by this signalling only: every member could get another one avoided in its name.
  if (!isWelcome) gater.avoid(remote.announceId, remote.verified ? undefined : signaling.name, runtime.isProven(remote))
  return isWelcome
}

/** Throws where a relay peer or a tracker could have sent a description in another peer's name. */
function checkName({ identity, bound }: Runtime, source: Signaling['source'], proof: Proof | undefined): void {
  if (identity.key === undefined) return // this client cannot verify
  if (source === 'exchange' && proof?.verified !== true)
    throw new ProtocolError(
      'ERR_IDENTITY',
      'refused a session description: a peer that peer exchange brings has to prove its identity',
    )
  if (bound && proof?.verified === true && !proof.bound)
    throw new ProtocolError('ERR_IDENTITY', 'refused a session description: its announce id was not made for its key')
}
