/** One number for a post: feed and sequence. Numbers hold 53 bits: 21 of the feed's index and 32 of the sequence. */
const SEQUENCES = 2 ** 32

export function postKey(feedIndex: number, sequence: number): number {
  return feedIndex * SEQUENCES + sequence
}

export function feedIndexOf(key: number): number {
  return Math.floor(key / SEQUENCES)
}

export function sequenceOf(key: number): number {
  return key % SEQUENCES
}
