/** Finds the remote address of a connection in an engine's statistics. Pure. */

interface Stats {
  id?: unknown
  type?: unknown
  state?: unknown
  nominated?: unknown
  selected?: unknown
  selectedCandidatePairId?: unknown
  remoteCandidateId?: unknown
  address?: unknown
  /** The older name of `address`. */
  ip?: unknown
  port?: unknown
}

/** Undefined if the engine does not report it, as browsers do for peers with mDNS candidates. */
export function remoteAddressOf(report: {
  forEach(callback: (entry: unknown) => void): void
}): { address: string; port: number } | undefined {
  const entries = new Map<unknown, Stats>()
  report.forEach(entry => {
    const stats = entry as Stats // each property is checked before it is used
    entries.set(stats.id, stats)
  })
  const all = [...entries.values()]
  const selected = all.find(entry => entry.type === 'transport')?.selectedCandidatePairId
  const pairs = all.filter(entry => entry.type === 'candidate-pair')
  const pair =
    entries.get(selected ?? Symbol('none')) ??
    pairs.find(entry => entry.selected === true) ??
    pairs.find(entry => entry.nominated === true && entry.state === 'succeeded')
  const remote = entries.get(pair?.remoteCandidateId)
  const address = remote?.address ?? remote?.ip
  if (typeof address !== 'string' || address === '' || typeof remote?.port !== 'number') return undefined
  return { address, port: remote.port }
}
