/** Keeps the last posts of all feeds for neighbours that missed them, within a number and a size. */
import type { MeshCoreOptions } from '../effects.js'
import type { Feed } from './feed.js'
import type { Post } from '../wire/messages.js'

/** About the memory that a post takes besides its payload: signature, objects, map entries. In bytes. */
export const POST_COST = 300

export class PostStore {
  readonly #limits: Pick<MeshCoreOptions, 'keepPosts' | 'keepBytes'>
  /** Posts in the order of arrival, from `#first` on, and their feeds: two arrays, because an object for each pair takes 50 bytes more. */
  #posts: Post[] = []
  #feeds: Feed[] = []
  #first = 0
  #bytes = 0

  constructor(limits: Pick<MeshCoreOptions, 'keepPosts' | 'keepBytes'>) {
    this.#limits = limits
  }

  keep(feed: Feed, post: Post): void {
    feed.kept.set(post.sequence, post)
    this.#posts.push(post)
    this.#feeds.push(feed)
    this.#bytes += POST_COST + post.payload.length
    while (this.#posts.length - this.#first > this.#limits.keepPosts || this.#bytes > this.#limits.keepBytes) this.#dropOldest()
  }

  #dropOldest(): void {
    const post = this.#posts[this.#first]
    const feed = this.#feeds[this.#first]
    this.#first++
    if (this.#first > 64 && this.#first * 2 > this.#posts.length) {
      this.#posts = this.#posts.slice(this.#first)
      this.#feeds = this.#feeds.slice(this.#first)
      this.#first = 0
    }
    if (post === undefined || feed === undefined) return
    this.#bytes -= POST_COST + post.payload.length
    if (feed.kept.get(post.sequence) === post) feed.kept.delete(post.sequence)
  }
}
