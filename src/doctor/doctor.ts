/** All checks, side by side. Knows nothing of command lines and terminals. */
import { networkInterfaces } from 'node:os'
import { urlName } from '../core/secrets.js'
import { checkConnection, checkData, checkIdentity, checkNode, checkWebRtc } from './checks.js'
import { explain } from './explain.js'
import type { CheckName, Context, Finding, Outcome } from './finding.js'
import { askAll, checkNat, checkStun } from './stun-check.js'
import type { StunServer } from './stun-client.js'
import { checkTracker } from './tracker-check.js'
import { checkTurn, type TurnServer } from './turn-check.js'
import { checkWebTorrent } from './webtorrent-check.js'

/** What is looked at besides this machine. */
export interface Servers {
  trackers: string[]
  stun: Array<StunServer & { url: string }>
  turn: TurnServer[]
  /** Of which of them one that works is enough: lists that nobody asked for by name. */
  anyOf: ReadonlySet<CheckName>
}

/** Starts every check at once. What belongs together is found together; the order is that of a report. Nothing rejects. */
export function examine(context: Context, { trackers, stun, turn, anyOf }: Servers): Array<Promise<Finding[]>> {
  const run = async (check: CheckName, call: () => Promise<Outcome>, server?: string): Promise<Finding> => ({
    check,
    ...(server !== undefined && { server: urlName(server) }),
    ...(await call().catch(explain)),
  })
  const one = async (check: CheckName, call: (context: Context) => Promise<Outcome>) => [await run(check, () => call(context))]
  const group = (check: CheckName, findings: Array<Promise<Finding>>) =>
    Promise.all(findings).then(all => (anyOf.has(check) ? forgiving(all) : all))

  const answers = askAll(context, stun)
  return [
    one('node', checkNode),
    one('webrtc', checkWebRtc),
    one('connection', checkConnection),
    one('data', checkData),
    one('identity', checkIdentity),
    one('webtorrent', checkWebTorrent),
    group(
      'tracker',
      trackers.map(url => run('tracker', () => checkTracker(context, url), url)),
    ),
    group(
      'stun',
      answers.map((answer, index) => run('stun', () => checkStun(answer), stun[index]?.url)),
    ),
    ...(stun.length < 2 ? [] : [one('nat', () => checkNat(answers, ownAddresses()))]),
    group(
      'turn',
      turn.map(server => run('turn', () => checkTurn(context, server), server.url)),
    ),
  ]
}

/** Where one works, those that do not are worth knowing, no more. */
function forgiving(findings: Finding[]): Finding[] {
  if (!findings.some(({ verdict }) => verdict === 'works')) return findings
  return findings.map(finding => (finding.verdict === 'fails' ? { ...finding, verdict: 'limited' } : finding))
}

function ownAddresses(): Set<string> {
  return new Set(Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(({ address }) => address)))
}
