// @ts-check
/** Formats numbers for people. */

const MEGABYTE = 1_000_000

/** @param {number} bytes */
export function megabytes(bytes) {
  const value = bytes / MEGABYTE
  return `${value < 10 && !Number.isInteger(value) ? value.toFixed(2) : value.toFixed(0)} MB`
}

/** @param {number} ms */
export function duration(ms) {
  return ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(2)} s`
}

/** @param {string} id */
export function shortId(id) {
  return id.slice(0, 8)
}

/**
 * The first row is the head. The first column holds names, the others figures.
 *
 * @param {string[][]} rows
 */
export function table(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  const line = (/** @type {string[]} */ row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('   ')
      .trimEnd()
  return rows.map(line).join('\n')
}

/**
 * The figures of `manager.getStats()`, one column per peer.
 *
 * @param {Record<string, import('swarmlink').ManagerStats>} peers
 */
export function statsTable(peers) {
  const all = Object.values(peers)
  /** @param {string} name @param {(stats: import('swarmlink').ManagerStats) => string | number} figure */
  const row = (name, figure) => [name, ...all.map(stats => String(figure(stats)))]
  /** @param {string} name @param {(stages: import('swarmlink').StageCounts) => number | Record<string, number>} figure */
  const stage = (name, figure) =>
    row(name, ({ torrents }) => torrents.map(({ stages }) => counted(figure(stages))).join(' + ') || '-')
  return table([
    ['', ...Object.keys(peers)],
    row('WebRTC engine', stats => stats.engine ?? '-'),
    row('tracker frames out / in', ({ trackers }) => `${sum(trackers, 'framesOut')} / ${sum(trackers, 'framesIn')}`),
    row('offers made / reused', ({ offers }) => `${offers.made} / ${offers.reused}`),
    stage('announcements', stages => stages.announced),
    stage('offers sent', stages => stages.offered),
    stage('offers received', stages => stages.offersReceived),
    stage('answers sent', stages => stages.answered),
    stage('answers received', stages => stages.answersReceived),
    stage('peers connected', stages => stages.connected),
    stage('torrent wires', stages => stages.wired),
    stage('message channels', stages => stages.messaging),
    stage('not used', stages => stages.refused),
    stage('never opened', stages => stages.failed),
    stage('lost', stages => stages.lost),
  ])
}

/** @param {number | Record<string, number>} figure */
function counted(figure) {
  if (typeof figure === 'number') return String(figure)
  const reasons = Object.entries(figure).map(([reason, count]) => `${count} ${reason}`)
  return reasons.length === 0 ? '0' : reasons.join(', ')
}

/**
 * @param {import('swarmlink').TrackerStatus[]} trackers
 * @param {'framesIn' | 'framesOut'} what
 */
function sum(trackers, what) {
  return trackers.reduce((total, tracker) => total + tracker[what], 0)
}
