// @ts-check
/** What happens to a peer, line by line on the terminal, and what is typed there, to everybody who is connected. */
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
        `+ ${shortId(remotePeerId)} is here, ${verified ? 'and proven to be who it says' : 'but nothing proves who it is'}`,
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
    if (peer.say(text) === 0) terminal.line('(nobody is here yet, so nobody read this)')
  })
}
