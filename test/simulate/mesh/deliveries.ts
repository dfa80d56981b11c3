/** What arrived where and when, of the posts that a scenario follows. Checks that each node gets each post once and in the order of its sender. */

export interface FollowedPost {
  at: number
  /** By node; NaN where it has not arrived. */
  arrivals: Float64Array
  hops: Uint8Array
  count: number
}

export interface ArrivedPost {
  from: string
  topic: string
  sequence: number
  hops: number
}

export class Deliveries {
  readonly #now: () => number
  readonly #posts = new Map<string, FollowedPost>()
  /** The next sequence by node and feed, where order is checked. */
  readonly #next = new Map<string, number>()
  checksOrder = false
  /** Posts that arrived twice or out of order. */
  outOfOrder = 0
  total = 0

  constructor(now: () => number) {
    this.#now = now
  }

  follow(from: string, topic: string, sequence: number, nodes: number): FollowedPost {
    const post = { at: this.#now(), arrivals: new Float64Array(nodes).fill(Number.NaN), hops: new Uint8Array(nodes), count: 0 }
    this.#posts.set(`${from} ${topic} ${sequence}`, post)
    return post
  }

  forget(): void {
    this.#posts.clear()
    this.#next.clear()
  }

  record(node: number, { from, topic, sequence, hops }: ArrivedPost): void {
    this.total++
    if (this.checksOrder) this.#check(node, `${node} ${from} ${topic}`, sequence)
    if (this.#posts.size === 0) return
    const post = this.#posts.get(`${from} ${topic} ${sequence}`)
    if (post === undefined || node >= post.arrivals.length || !Number.isNaN(post.arrivals[node]!)) return
    post.arrivals[node] = this.#now()
    post.hops[node] = hops
    post.count++
  }

  #check(_node: number, feed: string, sequence: number): void {
    const next = this.#next.get(feed)
    if (next !== undefined && next !== sequence) this.outOfOrder++
    this.#next.set(feed, sequence + 1)
  }
}
