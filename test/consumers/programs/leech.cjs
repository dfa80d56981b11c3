const { ConnectionManager } = require('swarmlink')
const [, , magnet, tracker, name] = process.argv
void Promise.all([import('webtorrent'), import('./trial.js')]).then(async ([{ default: WebTorrent }, { trial }]) => {
  console.log(JSON.stringify(await trial({ WebTorrent, ConnectionManager, magnet, tracker, name })))
})
