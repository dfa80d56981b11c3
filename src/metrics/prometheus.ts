/** Formats statistics as Prometheus text. Pure; the application serves the text. */
import { checkNames, invalid, isRecord } from '../core/arguments.js'
import type { StageCounts } from '../swarm/counters.js'
import type { ManagerStats, TorrentStats } from './stats.js'

type Labels = Record<string, string>

/** One metric with its samples. */
interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: Array<[Labels, number]>
}

/** The HELP text of each stage, in the order in which a peer goes through them. */
const STAGES: Record<keyof StageCounts, string> = {
  announced: 'Announcements sent.',
  offered: 'Offers sent.',
  offersReceived: 'Offers received.',
  answersReceived: 'Answers received.',
  answered: 'Answers sent.',
  connected: 'Connections that opened, and torrents in common that were found on an open connection.',
  exchanged: 'Connections (see connected_total) to peers that peer exchange introduced.',
  wired: 'Wires that were passed to torrents.',
  messaging: 'Message channels that were passed to the application.',
  refused: 'Offers and answers that were refused, by reason.',
  failed: 'Connections that never opened, by error code.',
  lost: 'Connections that closed after they had been open, by error code.',
}

/**
 * Formats the statistics in Prometheus' text format, version 0.0.4: serve it as `text/plain; version=0.0.4`. The counters of a torrent
 * have one sample per signalling; `sum without (signaling)` adds them up.
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
    throw wrong({ cause }) // a nested field is missing
  }
}

function ofClient({ engine = '', activeTorrents, connections, offers }: ManagerStats): Family[] {
  return [
    gauge('info', 'Always 1; the label names the WebRTC engine.', [[{ engine }, 1]]),
    gauge('torrents', 'Torrents of the manager.', [[{}, activeTorrents]]),
    gauge('connections', 'Connections of the client: open, connecting, and offered.', [[{}, connections.used]]),
    gauge('connections_limit', 'Maximum number of connections of the client.', [[{}, connections.limit]]),
    counter('offers_made_total', 'Offers created.', [[{}, offers.made]]),
    counter('offers_reused_total', 'Offers that were not answered and were sent again.', [[{}, offers.reused]]),
    gauge('offers_idle', 'Offers that are ready and not sent.', [[{}, offers.idle]]),
  ]
}

function ofSignaling({ trackers, signaling }: ManagerStats): Family[] {
  const named = trackers.map(tracker => ({ ...tracker, name: tracker.url }))
  const drivers = signaling.filter(status => 'broadcasts' in status)
  const exchange = signaling.filter(status => 'passedOn' in status)
  const all = [...named, ...signaling]
  return [
    gauge(
      'signaling_open',
      '1 while the tracker, driver or exchange takes announcements, else 0.',
      all.map(status => [bySignaling(status), status.state === 'open' ? 1 : 0]),
    ),
    gauge(
      'signaling_topics',
      'Torrents that the tracker, driver or exchange serves.',
      all.flatMap(status => ('topics' in status ? [[bySignaling(status), status.topics]] : [])),
    ),
    counter(
      'signaling_dropped_total',
      'Input from the tracker, driver or exchange that was dropped, by reason.',
      all.flatMap(status => ('dropped' in status ? byReason(bySignaling(status), status.dropped) : [])),
    ),
    counter('tracker_announces_total', 'Announcements sent to the tracker.', values(named, 'announces', bySignaling)),
    counter('tracker_reconnects_total', 'Reconnects to the tracker.', values(named, 'reconnects', bySignaling)),
    counter('tracker_frames_total', 'WebSocket messages to and from the tracker.', bothWays(named, 'framesIn', 'framesOut')),
    counter('tracker_bytes_total', 'Bytes in these messages.', bothWays(named, 'bytesIn', 'bytesOut')),
    gauge(
      'driver_members',
      'Members of all topics that were seen recently over the driver.',
      values(drivers, 'members', bySignaling),
    ),
    counter(
      'driver_broadcasts_total',
      'Messages to all members of a topic, sent over the driver.',
      values(drivers, 'broadcasts', bySignaling),
    ),
    counter('driver_messages_total', 'Messages over the driver.', bothWays(drivers, 'messagesIn', 'messagesOut')),
    gauge('exchange_peers', 'Connected peers that may introduce other peers.', values(exchange, 'ports')),
    gauge('exchange_members', 'Members of all topics that peers named recently.', values(exchange, 'members')),
    counter(
      'exchange_passed_on_total',
      'Payloads (offers, answers and others) that were forwarded between peers.',
      values(exchange, 'passedOn'),
    ),
    gauge(
      'exchange_distrusted',
      'Peers that may no longer introduce other peers, because they forwarded forged payloads.',
      values(exchange, 'distrusted'),
    ),
  ]
}

function ofTorrents({ torrents }: ManagerStats): Family[] {
  const byTorrent = ({ infoHash }: TorrentStats): Labels => ({ torrent: infoHash })
  const ofStage = (stage: keyof StageCounts) =>
    torrents.flatMap(({ infoHash, bySignaling: counts }) =>
      Object.entries(counts).flatMap(([signaling, { [stage]: count }]) => {
        const labels = { torrent: infoHash, signaling }
        return typeof count === 'number' ? [[labels, count] as [Labels, number]] : byReason(labels, count)
      }),
    )
  const stages = Object.entries(STAGES) as Array<[keyof StageCounts, string]> // the keys of STAGES
  return [
    gauge('torrent_peers', 'Peers that are connected.', values(torrents, 'peerCount', byTorrent)),
    gauge('torrent_message_channels', 'Peers with a message channel.', values(torrents, 'connections', byTorrent)),
    ...stages.map(([stage, help]) =>
      counter(`${stage.replace(/[A-Z]/, letter => `_${letter.toLowerCase()}`)}_total`, help, ofStage(stage)),
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

function bySignaling({ name }: { name: string }): Labels {
  return { signaling: name }
}

/** One sample for each item: its field of this name. */
function values<Field extends string, Item extends Record<Field, number>>(
  items: Item[],
  field: Field,
  labels: (item: Item) => Labels = () => ({}),
): Array<[Labels, number]> {
  return items.map(item => [labels(item), item[field]])
}

/** Two samples for each item: what came in and what went out. */
function bothWays<Field extends string>(
  items: Array<Record<Field, number> & { name: string }>,
  received: Field,
  sent: Field,
): Array<[Labels, number]> {
  const labels = (direction: string) => (item: { name: string }) => ({ ...bySignaling(item), direction })
  return [...values(items, received, labels('in')), ...values(items, sent, labels('out'))]
}

/** Sorted, so that two outputs for one swarm differ in numbers only. */
function textOf(name: string, { type, help, samples }: Family): string {
  const lines = samples.map(([labels, value]) => `${name}${labelsOf(labels)} ${value}\n`).toSorted()
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelsOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** Escapes the three characters that the format requires. */
function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
