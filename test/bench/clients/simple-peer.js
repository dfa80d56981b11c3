// @ts-check
/** simple-peer, in the version that WebTorrent uses, and a tracker client by hand. */
import { dialSimplePeer } from './dial-simple-peer.js'
import { serveByHand } from './serve-by-hand.js'

const name = '@thaunknown/simple-peer' // is a dependency of WebTorrent, not of this package
const { default: Peer } = await import(name)

serveByHand(dialSimplePeer(Peer, { iceServers: [] }))
