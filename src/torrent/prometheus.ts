/** Statistics as Prometheus text. Pure: knows nothing of servers; an application serves the text from a page of its own. */
import { checkNames, invalid, isRecord } from '../core/arguments.js'
import type { StageCounts } from '../swarm/counters.js'
import type { ManagerStats } from './stats.js'

type Labels = Record<string, string>

/** One metric with everything that is counted under its name. */
interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: Array<[Labels, number]>
}

/** The stages, in the order in which a peer goes through them. */
const STAGES: Record<keyof StageCounts, string> = {
  announced: 'Announcements that left.',
  offered: 'Offers that left.',
  offersReceived: 'Offers of others that arrived.',
  answersReceived: 'Answers of others that arrived.',
  answered: 'Answers that left.',
  connected: 'Connections that opened, and torrents in common that were found on an open one.',
  exchanged: 'Those of them to peers whom another peer introduced.',
  wired: 'Wires that were handed over to torrents.',
  messaging: 'Message channels that were handed over to the application.',
  refused: 'Offers and answers that were not taken up, by reason.',
  failed: 'Connections that never opened, by error code.',
  lost: 'Connections that ended after they had been open, by error code.',
}

/**
 * The statistics in Prometheus' text format, version 0.0.4: serve it as `text/plain; version=0.0.4`. What is counted for a torrent
 * is counted for each of its signallings; `sum without (signaling)` gives the whole.
 *
 * @example
 * createServer((request, response) => {
 *   response.setHeader('content-type', 'text/plain; version=0.0.4')
 *   response.end(toPrometheus(manager.getStats()))
 * }).listen(9100, '127.0.0.1')
 */
export function toPrometheus(stats: ManagerStats, options: { prefix?: string } = {}): string {
  checkNames(options, ['prefix'])
  const { prefix = 'swarmlink' } = options
  if (typeof prefix !== 'string' || !/^[a-zA-Z_:][\w:]*$/.test(prefix))
    throw invalid('prefix', 'a name of letters, digits and underscores', prefix)
  return familiesOf(stats)
    .filter(({ samples }) => samples.length > 0)
    .map(family => textOf(`${prefix}_${family.name}`, family))
    .join('')
}

function familiesOf(stats: ManagerStats): Family[] {
  const given: unknown = stats
  const wrong = (options?: ErrorOptions) => invalid('the first argument', 'what manager.getStats() gives', given, options)
  const lists = ['trackers', 'signaling', 'torrents']
  if (!isRecord(given) || !isRecord(given['connections']) || !isRecord(given['offers'])) throw wrong()
  if (!lists.every(name => Array.isArray(given[name]) && given[name].every(isRecord))) throw wrong()
  try {
    return [...ofClient(stats), ...ofSignaling(stats), ...ofTorrents(stats)]
  } catch (cause) {
    throw wrong({ cause }) // something deeper in it is missing
  }
}

function ofClient({ engine = '', activeTorrents, connections, offers }: ManagerStats): Family[] {
  return [
    gauge('info', 'Always 1; the label says which WebRTC is used.', [[{ engine }, 1]]),
    gauge('torrents', 'Torrents that are looked after.', [[{}, activeTorrents]]),
    gauge('connections', 'Connections of the client: open, on their way, and offered.', [[{}, connections.used]]),
    gauge('connections_limit', 'Connections that the client may have.', [[{}, connections.limit]]),
    counter('offers_made_total', 'Offers that were made.', [[{}, offers.made]]),
    counter('offers_reused_total', 'Offers that nobody answered and that were offered again.', [[{}, offers.reused]]),
    gauge('offers_idle', 'Offers that are ready and have not left.', [[{}, offers.idle]]),
  ]
}

function ofSignaling({ trackers, signaling }: ManagerStats): Family[] {
  const drivers = signaling.filter(status => 'broadcasts' in status)
  const exchange = signaling.filter(status => 'passedOn' in status)
  const all = [...trackers.map(tracker => ({ ...tracker, name: tracker.url })), ...signaling]
  return [
    gauge(
      'signaling_open',
      '1 while the tracker, driver or exchange takes announcements, else 0.',
      all.map(({ name, state }) => [{ signaling: name }, state === 'open' ? 1 : 0]),
    ),
    gauge(
      'signaling_topics',
      'Torrents that the tracker, driver or exchange serves.',
      all.flatMap(status => ('topics' in status ? [[{ signaling: status.name }, status.topics]] : [])),
    ),
    counter(
      'signaling_dropped_total',
      'What arrived from the tracker, driver or exchange and was not used, by reason.',
      all.flatMap(status => ('dropped' in status ? byReason({ signaling: status.name }, status.dropped) : [])),
    ),
    counter(
      'tracker_announces_total',
      'Announcements that left for the tracker.',
      trackers.map(({ url, announces }) => [{ signaling: url }, announces]),
    ),
    counter(
      'tracker_reconnects_total',
      'Times that the tracker was dialled again.',
      trackers.map(({ url, reconnects }) => [{ signaling: url }, reconnects]),
    ),
    counter(
      'tracker_frames_total',
      'WebSocket messages to and from the tracker.',
      trackers.flatMap(({ url, framesIn, framesOut }) => bothWays({ signaling: url }, framesIn, framesOut)),
    ),
    counter(
      'tracker_bytes_total',
      'Bytes in these messages.',
      trackers.flatMap(({ url, bytesIn, bytesOut }) => bothWays({ signaling: url }, bytesIn, bytesOut)),
    ),
    gauge(
      'driver_members',
      'Members of all topics that were heard lately over the driver.',
      drivers.map(({ name, members }) => [{ signaling: name }, members]),
    ),
    counter(
      'driver_broadcasts_total',
      'Messages to everybody of a topic that left over the driver.',
      drivers.map(({ name, broadcasts }) => [{ signaling: name }, broadcasts]),
    ),
    counter(
      'driver_messages_total',
      'Messages over the driver.',
      drivers.flatMap(({ name, messagesIn, messagesOut }) => bothWays({ signaling: name }, messagesIn, messagesOut)),
    ),
    gauge(
      'exchange_peers',
      'Connected peers that may introduce others.',
      exchange.map(({ ports }) => [{}, ports]),
    ),
    gauge(
      'exchange_members',
      'Members of all topics that peers named lately.',
      exchange.map(({ members }) => [{}, members]),
    ),
    counter(
      'exchange_passed_on_total',
      'Offers, answers and other words that were passed on between peers.',
      exchange.map(({ passedOn }) => [{}, passedOn]),
    ),
    gauge(
      'exchange_distrusted',
      'Peers that may introduce nobody any more, because they brought what was false.',
      exchange.map(({ distrusted }) => [{}, distrusted]),
    ),
  ]
}

function ofTorrents({ torrents }: ManagerStats): Family[] {
  const stages = Object.entries(STAGES) as Array<[keyof StageCounts, string]> // its own keys
  return [
    gauge(
      'torrent_peers',
      'Peers that are connected.',
      torrents.map(({ infoHash, peerCount }) => [{ torrent: infoHash }, peerCount]),
    ),
    gauge(
      'torrent_message_channels',
      'Peers with a message channel.',
      torrents.map(({ infoHash, connections }) => [{ torrent: infoHash }, connections]),
    ),
    ...stages.map(([stage, help]) =>
      counter(
        `${stage.replace(/[A-Z]/, letter => `_${letter.toLowerCase()}`)}_total`,
        help,
        torrents.flatMap(({ infoHash, bySignaling }) =>
          Object.entries(bySignaling).flatMap(([signaling, { [stage]: count }]) => {
            const labels = { torrent: infoHash, signaling }
            return typeof count === 'number' ? [[labels, count] as [Labels, number]] : byReason(labels, count)
          }),
        ),
      ),
    ),
  ]
}

function gauge(name: string, help: string, samples: Array<[Labels, number]>): Family {
  return { name, type: 'gauge', help, samples }
}

function counter(name: string, help: string, samples: Array<[Labels, number]>): Family {
  return { name, type: 'counter', help, samples }
}

function byReason(labels: Labels, counts: Partial<Record<string, number>>): Array<[Labels, number]> {
  return Object.entries(counts).map(([reason, count = 0]) => [{ ...labels, reason }, count])
}

function bothWays(labels: Labels, received: number, sent: number): Array<[Labels, number]> {
  return [
    [{ ...labels, direction: 'in' }, received],
    [{ ...labels, direction: 'out' }, sent],
  ]
}

/** Sorted, so that two looks at one swarm differ in numbers only. */
function textOf(name: string, { type, help, samples }: Family): string {
  const lines = samples.map(([labels, value]) => `${name}${labelsOf(labels)} ${value}\n`).toSorted()
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelsOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** What the format knows to escape; everything else stands for itself. */
function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
