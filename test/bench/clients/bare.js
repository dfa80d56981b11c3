// @ts-check
/** The bare engine: node-datachannel and a tracker client by hand. */
import { RTCPeerConnection } from 'node-datachannel/polyfill'
import { dialBare } from './dial-bare.js'
import { serveByHand } from './serve-by-hand.js'

serveByHand(dialBare(/** @type {any} */ (RTCPeerConnection), { iceServers: [] })) // its types differ from the W3C's in unused parts
