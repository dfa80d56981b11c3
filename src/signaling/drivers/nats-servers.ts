/** The servers of a NATS cluster and the order in which they are dialled. Knows no connection. */
import type { Server } from '@nats-io/nats-core'
import type { Env } from '../../core/env.js'
import { checkSocketUrl } from '../url.js'

/** More than a cluster has; bounds the memory that a server can take by naming others. */
const MAX_LEARNED = 64

export class NatsServers {
  readonly #given: readonly string[]
  readonly #env: Env
  #learned: string[] = []
  #current: string | undefined

  constructor(given: readonly string[], env: Env) {
    this.#given = [...new Set(given)]
    this.#env = env
  }

  get size(): number {
    return this.#given.length + this.#learned.length
  }

  /** Hosts and ports of the configured servers, without the possible secrets in their URLs. */
  names(): string[] {
    return this.#given.map(url => new URL(url).host)
  }

  /** Replaces the servers that the cluster named before. */
  learn(servers: readonly Server[]): void {
    const urls = servers.filter(({ gossiped }) => gossiped).flatMap(({ src }) => normal(src))
    const given = new Set(this.names())
    const others = new Map(urls.map(url => [new URL(url).host, url]))
    this.#learned = [...others]
      .filter(([host]) => !given.has(host))
      .map(([, url]) => url)
      .slice(0, MAX_LEARNED)
  }

  /** This server accepted the connection. */
  current(url: string): void {
    this.#current = url
  }

  /** Configured servers first, then learned ones, each in random order to spread the load; the last connected server comes last. */
  order(): string[] {
    const all = [...this.#shuffled(this.#given), ...this.#shuffled(this.#learned)]
    return [...all.filter(url => url !== this.#current), ...all.filter(url => url === this.#current)]
  }

  #shuffled(urls: readonly string[]): string[] {
    return urls
      .map(url => ({ url, rank: this.#env.random() }))
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ url }) => url)
  }
}

/** Empty when the URL cannot be dialled. */
function normal(url: string): string[] {
  try {
    return [checkSocketUrl('a server', url)]
  } catch {
    return []
  }
}
