import WebTorrent from 'webtorrent/dist/webtorrent.min.js'
import { ConnectionManager } from 'swarmlink'
import { trial } from './trial.js'

const { magnet, tracker, name } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)))
globalThis.outcome = trial({ WebTorrent, ConnectionManager, magnet, tracker, name })
