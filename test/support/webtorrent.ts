/** The path of WebTorrent as one file, which a process loads in half the time. build.ts makes it. */
import { fileURLToPath } from 'node:url'

export const BUNDLED_WEBTORRENT = fileURLToPath(new URL('../../node_modules/.cache/swarmlink/webtorrent.js', import.meta.url))
