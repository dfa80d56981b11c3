/** Code needed to connect to peers, to share connections and to exchange messages. One lazy chunk, loaded when the first topic starts. */
export { explainNoPath } from '../peer/no-path.js'
export { Turns } from '../peer/turns.js'
export { RelaySignaling } from '../signaling/relay/relay.js'
export { Conversations } from './conversations.js'
export { Inbound } from './inbound.js'
export { Introduction } from './introduction.js'
export { Link } from './link.js'
export { Rotation } from './rotation.js'
