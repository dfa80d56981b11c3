/** Finds the other end of a connection in an engine's statistics. Pure. */

interface Stats {
  id?: unknown
  type?: unknown
  state?: unknown
  nominated?: unknown
  selected?: unknown
  selectedCandidatePairId?: unknown
  remoteCandidateId?: unknown
  address?: unknown
  /** What `address` was called before. */
  ip?: unknown
  port?: unknown
}

/** Undefined when the engine does not tell, as browsers do for peers that hide behind mDNS. */
export function remoteAddressOf(report: {
  forEach(callback: (entry: unknown) => void): void
}): { address: string; port: number } | undefined {
  const entries = new Map<unknown, Stats>()
  report.forEach(entry => {
    const stats = entry as Stats // every property is looked at before it is used
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
