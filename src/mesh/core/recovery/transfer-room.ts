/**
 * Which large payload is dropped when there is no room for all of them. Each sender pays for its own: a member that posts many must not end the
 * transfer of another one. Pure functions.
 */

/** Payloads that are assembled or kept at the same time, and their bytes. */
export const MAX_TRANSFERS = 256
export const MAX_BYTES = 16 * 1024 * 1024
/** A transfer without a new chunk for this time has stalled: other neighbours are asked. In ms. */
export const STALLED = 1_000

export interface TransferUse {
  readonly sender: string
  readonly bytes: number
  /** Chunks that have arrived. */
  readonly received: number
  /** When the last one did, or the table. */
  readonly movedAt: number
  /** The application has the payload: it is only kept for neighbours. */
  readonly isDelivered: boolean
}

/**
 * The delivered payload that is idle longest. Without one, the least promising payload of the sender that takes most room: of bytes when these are
 * too many, otherwise of the number of payloads.
 */
export function leastWorthy<Transfer extends TransferUse>(
  transfers: Iterable<Transfer>,
  now: number,
  tooMany: 'bytes' | 'payloads',
): Transfer | undefined {
  let delivered: Transfer | undefined
  const waiting: Transfer[] = []
  for (const transfer of transfers) {
    if (!transfer.isDelivered) waiting.push(transfer)
    else if (delivered === undefined || transfer.movedAt < delivered.movedAt) delivered = transfer
  }
  if (delivered !== undefined) return delivered
  const shares = new Map<string, number>()
  for (const transfer of waiting)
    shares.set(transfer.sender, (shares.get(transfer.sender) ?? 0) + (tooMany === 'bytes' ? shareOf(transfer) : 1))
  const most = Math.max(...shares.values())
  let least: Transfer | undefined
  for (const transfer of waiting)
    if (shares.get(transfer.sender) === most && (least === undefined || isLess(transfer, least, now))) least = transfer
  return least
}

function shareOf({ bytes }: TransferUse): number {
  return Math.max(bytes / MAX_BYTES, 1 / MAX_TRANSFERS)
}

/** A stalled payload is dropped before one that moves, and then the one with fewer chunks: little of it is lost. */
function isLess(a: TransferUse, b: TransferUse, now: number): boolean {
  const [stalledA, stalledB] = [now - a.movedAt >= STALLED, now - b.movedAt >= STALLED]
  if (stalledA !== stalledB) return stalledA
  return a.received === b.received ? a.movedAt < b.movedAt : a.received < b.received
}
