/** What only peers of ours need, in one piece that is loaded when there is a topic. */
export { Turns } from '../peer/turns.js'
export { RelaySignaling } from '../signaling/relay/relay.js'
export { Link } from './link.js'
