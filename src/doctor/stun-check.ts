/** Checks STUN servers, and finds the kind of NAT from their answers. */
import { withDeadline, type Env } from '../core/env.js'
import { seconds, CheckFailure, type Outcome } from './finding.js'
import { StunClient, type StunAnswer, type StunServer } from './stun-client.js'

/** Asks all servers at once, from one port. */
export function askAll(
  { env, timeout }: { env: Env; timeout: number },
  servers: readonly StunServer[],
): Array<Promise<StunAnswer>> {
  const client = new StunClient(env)
  const advice = 'The server is down, or a firewall stops UDP: then peers on other networks need a TURN server'
  const late = () => new CheckFailure(`no answer within ${seconds(timeout)}`, advice)
  const answers = servers.map(server => withDeadline(env, client.ask(server), timeout, late))
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

/** Compares the addresses that the servers see. `own` are the addresses of this machine. */
export async function checkNat(asked: ReadonlyArray<Promise<StunAnswer>>, own: ReadonlySet<string>): Promise<Outcome> {
  const settled = await Promise.allSettled(asked)
  const all = settled.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  // IPv4 and IPv6 have different ports. IPv4 is preferred, because it has the NATs.
  const v4 = all.filter(({ mapped }) => mapped.address.includes('.'))
  const answers = v4.length > 0 ? v4 : all
  const [first] = answers
  if (first !== undefined && own.has(first.mapped.address))
    return { verdict: 'works', says: 'there is none: the servers see an address of this machine', facts: { mapping: 'none' } }
  if (new Set(answers.map(({ mapped }) => endpoint(mapped))).size > 1)
    return {
      verdict: 'limited',
      says: 'every server sees another address (a symmetric NAT): direct connections to peers behind such a NAT will fail',
      advice: 'Configure a TURN server, in the option iceServers',
      facts: { mapping: 'per-destination' },
    }
  if (new Set(answers.map(({ server }) => server)).size < 2)
    return {
      verdict: 'limited',
      says: 'its kind is unknown: that needs answers of two STUN servers at different addresses',
      advice: 'Name other servers with --stun',
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
