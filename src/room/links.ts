/** The message formats of rooms. One lazy chunk, loaded when a room starts. */
export { OurLink } from './our-link.js'
export { StockLink } from './stock-link.js'
