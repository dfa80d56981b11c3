/** Whether a TURN server relays: an address of its own for us, and a connection that goes through it and nowhere else. */
import { engineOf, seconds, Trouble, type Context, type Outcome } from './finding.js'
import { withPair } from './pair.js'

export interface TurnServer {
  url: string
  username: string
  credential: string
}

export async function checkTurn({ env, engines, timeout }: Context, { url, username, credential }: TurnServer): Promise<Outcome> {
  const engine = engineOf(engines)
  const began = env.now()
  let relayMs: number | undefined
  const options = {
    env,
    timeout,
    rtcConfig: { iceServers: [{ urls: url, username, credential }], iceTransportPolicy: 'relay' as const },
    gathered(description: string) {
      if (!/^a=candidate:.* typ relay/m.test(description)) throw refused(engine.name)
      relayMs ??= Math.round(env.now() - began)
    },
    late: () => (relayMs === undefined ? silent(timeout) : deaf(timeout)),
  }
  return withPair(engine, options, () => {
    const ms = Math.round(env.now() - began)
    return {
      verdict: 'works',
      says: `lent an address after ${relayMs} ms; two ends were connected through it after ${ms} ms`,
      facts: { relayMs, ms },
    }
  })
}

/** Engines do not say why. */
function refused(engine: string): Trouble {
  const why = engine === 'node-datachannel' ? ', and that the URL is one of turn: over UDP, all that node-datachannel speaks' : ''
  return new Trouble('lends no address', `Check --username and --credential${why}`)
}

function silent(timeout: number): Trouble {
  return new Trouble(
    `lends no address within ${seconds(timeout)}`,
    'The server is away, or a firewall stops what is sent to it; --timeout gives it longer',
  )
}

function deaf(timeout: number): Trouble {
  return new Trouble(
    `lends an address, but no connection through it stands within ${seconds(timeout)}`,
    'Check that its relay ports are open, and that it may relay to itself',
  )
}
