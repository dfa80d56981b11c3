/** Which servers of a cluster there are, and in which order they are tried. Knows no connection. */
import type { Server } from '@nats-io/nats-core'
import type { Env } from '../../core/env.js'
import { checkSocketUrl } from '../url.js'

/** More than any cluster has; a server that goes on naming others costs no more. */
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

  /** Of those that were given, without what may be secret in their URLs. */
  names(): string[] {
    return this.#given.map(url => new URL(url).host)
  }

  /** Replaces what a cluster said of itself before. */
  learn(servers: readonly Server[]): void {
    const urls = servers.filter(({ gossiped }) => gossiped).flatMap(({ src }) => normal(src))
    const given = new Set(this.names())
    const others = new Map(urls.map(url => [new URL(url).host, url]))
    this.#learned = [...others]
      .filter(([host]) => !given.has(host))
      .map(([, url]) => url)
      .slice(0, MAX_LEARNED)
  }

  /** This one took us. */
  current(url: string): void {
    this.#current = url
  }

  /** Those that were given first, each kind in random order so that a crowd spreads; the one that we lost comes last. */
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

/** None for what is no URL that we could dial. */
function normal(url: string): string[] {
  try {
    return [checkSocketUrl('a server', url)]
  } catch {
    return []
  }
}
