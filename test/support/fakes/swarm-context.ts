/** The decisions of one swarm without a client around them. Offers are represented by strings. */
import type { Id } from '../../../src/core/id.js'
import type { Runtime } from '../../../src/swarm/runtime.js'
import { SwarmContext } from '../../../src/swarm/swarm-context.js'
import { SWARM_DEFAULTS, type SwarmOptions } from '../../../src/swarm/swarm-options.js'
import type { VirtualEnv } from './virtual-env.js'

export interface ContextOptions {
  env: VirtualEnv
  self: Id
  /** @default 50 */
  maxPeers?: number
  alias?: Id
  /** @default { spare: true } */
  budget?: { spare: boolean }
}

export function swarmContext({
  env,
  self,
  maxPeers = 50,
  alias,
  budget = { spare: true },
}: ContextOptions): SwarmContext<string> {
  const runtime = { env, announceId: self, index: undefined, budget, topics: new Map(), alone: new Set() } as unknown as Runtime // the part that decisions need
  const options: SwarmOptions = {
    topic: '00'.repeat(20),
    runtime,
    limits: { ...SWARM_DEFAULTS, maxPeers },
    numwant: SWARM_DEFAULTS.numwant,
    port: SWARM_DEFAULTS.port,
    progress: () => ({ uploaded: 0, downloaded: 0, left: 1 }),
    ...(alias !== undefined && { alias }),
  }
  return new SwarmContext<string>(options, { tell: () => {}, wake: () => {} })
}
