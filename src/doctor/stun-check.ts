/** What STUN servers say of this machine's address, and what that says of the NAT in front of it. */
import { withDeadline, type Env } from '../core/env.js'
import { seconds, Trouble, type Outcome } from './finding.js'
import { StunClient, type StunAnswer, type StunServer } from './stun-client.js'

/** Asks all of them at once, from one port. */
export function askAll(
  { env, timeout }: { env: Env; timeout: number },
  servers: readonly StunServer[],
): Array<Promise<StunAnswer>> {
  const client = new StunClient(env)
  const answers = servers.map(server =>
    withDeadline(
      env,
      client.ask(server),
      timeout,
      () =>
        new Trouble(
          `no answer within ${seconds(timeout)}`,
          'The server is away, or a firewall stops UDP: peers on other networks need a TURN server then',
        ),
    ),
  )
  void Promise.allSettled(answers).then(() => client.close())
  return answers
}

export async function checkStun(answer: Promise<StunAnswer>): Promise<Outcome> {
  const { mapped, ms } = await answer
  return {
    verdict: 'works',
    says: `sees this machine at ${endpoint(mapped)}, answered after ${Math.round(ms)} ms`,
    facts: { ...mapped, ms: Math.round(ms) },
  }
}

/** Two servers see one NAT from two sides. `own` are the addresses of this machine. */
export async function checkNat(asked: ReadonlyArray<Promise<StunAnswer>>, own: ReadonlySet<string>): Promise<Outcome> {
  const settled = await Promise.allSettled(asked)
  const all = settled.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  // Of IPv4 and IPv6 each has its own port; NATs are IPv4's.
  const v4 = all.filter(({ mapped }) => mapped.address.includes('.'))
  const answers = v4.length > 0 ? v4 : all
  const [first] = answers
  if (first !== undefined && own.has(first.mapped.address))
    return { verdict: 'works', says: 'there is none: this machine is seen at an address of its own', facts: { mapping: 'none' } }
  if (new Set(answers.map(({ mapped }) => endpoint(mapped))).size > 1)
    return {
      verdict: 'limited',
      says: 'every server sees another address (a symmetric NAT): direct connections to peers behind one like it will fail',
      advice: 'Give peers a TURN server, in rtcConfig.iceServers',
      facts: { mapping: 'per-destination' },
    }
  if (new Set(answers.map(({ server }) => server)).size < 2)
    return {
      verdict: 'limited',
      says: 'its kind shows only when two STUN servers at different addresses answer',
      advice: 'Name others with --stun',
      facts: { mapping: 'unknown' },
    }
  return {
    verdict: 'works',
    says: 'every server sees the same address: direct connections to peers on other networks are possible',
    facts: { mapping: 'same' },
  }
}

function endpoint({ address, port }: { address: string; port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
