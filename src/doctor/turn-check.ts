/** Checks a TURN server: it must allocate a relayed address, and a connection through the relay only must open. */
import { engineOf, seconds, CheckFailure, type Context, type Outcome } from './finding.js'
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
    late: () =>
      relayMs === undefined
        ? new CheckFailure(
            `lends no address within ${seconds(timeout)}`,
            'The server is down, or a firewall drops the packets; --timeout raises the limit',
          )
        : new CheckFailure(
            `lends an address, but no connection through it opens within ${seconds(timeout)}`,
            'Check that its relay ports are open, and that it is allowed to relay to itself',
          ),
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

/** Engines do not report why a TURN server refuses. */
function refused(engine: string): CheckFailure {
  const why = engine === 'node-datachannel' ? ', and that the URL is turn: over UDP, as node-datachannel needs it' : ''
  return new CheckFailure('lends no address', `Check --username and --credential${why}`)
}
