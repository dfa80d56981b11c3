// @ts-check
/** Prints a peer's events line by line on the terminal, and sends typed lines to all connected peers. */
import { shortId } from './format.js'

/**
 * @param {import('./terminal.js').Terminal} terminal
 * @returns {import('./peer.js').Report}
 */
export function reportOn(terminal) {
  return {
    warn: text => terminal.warn(text),
    joined: ({ remotePeerId, verified }) =>
      terminal.line(
        `+ ${shortId(remotePeerId)} is here, ${verified ? 'with a verified identity' : 'without a verified identity'}`,
      ),
    left: peerId => terminal.line(`- ${shortId(peerId)} is gone`),
    heard: (peerId, text) => terminal.line(`${shortId(peerId)}: ${text}`),
    wired: () => {},
  }
}

/**
 * @param {import('./terminal.js').Terminal} terminal
 * @param {import('./peer.js').Peer} peer
 */
export function startChat(terminal, peer) {
  terminal.onInput(text => {
    if (peer.say(text) === 0) terminal.line('(no peer is connected yet: not sent)')
  })
}
