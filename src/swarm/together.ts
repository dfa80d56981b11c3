/** What only peers of ours need, and messages, in one piece that is loaded when there is a topic. */
export { explainNoPath } from '../peer/no-path.js'
export { Turns } from '../peer/turns.js'
export { RelaySignaling } from '../signaling/relay/relay.js'
export { Conversations } from './conversations.js'
export { Link } from './link.js'
