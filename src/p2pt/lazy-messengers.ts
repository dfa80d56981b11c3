/** The messengers of rooms. One lazy chunk, loaded when a room starts. */
export { SwarmlinkMessenger } from './swarmlink-messenger.js'
export { StockMessenger } from './stock-messenger.js'
