import WebTorrent from 'webtorrent'
import { ConnectionManager } from 'swarmlink'
import { trial } from './trial.js'

const [, , magnet, tracker, name] = process.argv
console.log(JSON.stringify(await trial({ WebTorrent, ConnectionManager, magnet, tracker, name })))
