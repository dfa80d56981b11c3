/** Runs all checks in parallel. Knows nothing of command lines and terminals. */
import { urlName } from '../core/secrets.js'
import { ownAddresses } from '../engine/this-machine.js'
import { checkConnection, checkData, checkIdentity, checkNode, checkWebRtc } from './checks.js'
import { explain } from './explain.js'
import type { CheckName, Context, Finding, Outcome } from './finding.js'
import { askAll, checkNat, checkStun } from './stun-check.js'
import type { StunServer } from './stun-client.js'
import { checkTracker } from './tracker-check.js'
import { checkTurn, type TurnServer } from './turn-check.js'
import { checkWebTorrent } from './webtorrent-check.js'

/** The servers to check. */
export interface Servers {
  trackers: string[]
  stun: Array<StunServer & { url: string }>
  turn: TurnServer[]
  /** Kinds of servers of which one working server is enough: the public ones, which the user did not name. */
  anyOf: ReadonlySet<CheckName>
}

/** Starts all checks at once. Returns one promise per group, in the order of the report. No promise rejects. */
export function examine(context: Context, { trackers, stun, turn, anyOf }: Servers): Array<Promise<Finding[]>> {
  const run = async (check: CheckName, call: () => Promise<Outcome>, server?: string): Promise<Finding> => ({
    check,
    ...(server !== undefined && { server: urlName(server) }),
    ...(await call().catch(explain)),
  })
  const one = async (check: CheckName, call: (context: Context) => Promise<Outcome>) => [await run(check, () => call(context))]
  const group = (check: CheckName, findings: Array<Promise<Finding>>) =>
    Promise.all(findings).then(all => (anyOf.has(check) ? tolerant(all) : all))

  const ofTrackers = trackers.map(url => run('tracker', () => checkTracker(context, url), url))
  const answers = askAll(context, stun)
  const ofStun = answers.map((answer, index) => run('stun', () => checkStun(answer), stun[index]?.url))
  const ofTurn = turn.map(server => run('turn', () => checkTurn(context, server), server.url))
  return [
    one('node', checkNode),
    one('webrtc', checkWebRtc),
    one('connection', checkConnection),
    one('data', checkData),
    one('identity', checkIdentity),
    one('webtorrent', checkWebTorrent),
    group('tracker', ofTrackers),
    group('stun', ofStun),
    ...(stun.length < 2 ? [] : [one('nat', () => checkNat(answers, ownAddresses()))]),
    group('turn', ofTurn),
  ]
}

/** Turns failures into `limited` if at least one server works. */
function tolerant(findings: Finding[]): Finding[] {
  if (!findings.some(({ verdict }) => verdict === 'works')) return findings
  return findings.map(finding => (finding.verdict === 'fails' ? { ...finding, verdict: 'limited' } : finding))
}
