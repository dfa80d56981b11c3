// @ts-check
/** `npm run demo:call`: a call in pages, with audio, video and screens, and a Node end that sends a generated picture. */
import { WebSocketDriver } from 'swarmlink/signaling'
import { SignalServer } from 'swarmlink/signaling/server'
import { readArguments } from './support/arguments.js'
import { servePage } from './support/page.js'
import { runProgram } from './support/program.js'
import { TestCard } from './support/test-card.js'

const COMMAND = {
  usage: 'npm run demo:call -- [options]',
  about: `Serves a page for calls and prints its address: open it in two tabs. Without --signal
it starts a signal server of its own; nothing else stands between the participants.`,
  options: {
    room: { value: 'NAME', help: 'which room (lobby)' },
    signal: { value: 'URL', help: 'meet at this signal server, such as that of npm run demo:signal' },
    card: { help: 'take part as well, with a generated picture and a tone; needs @roamhq/wrtc' },
    stun: { help: 'ask public STUN servers for the address of this machine, for participants on other networks' },
  },
}

await runProgram(async signal => {
  const line = readArguments(COMMAND)
  if (line === undefined) return
  const { room = 'lobby', signal: given, card = false, stun = false } = line.values
  /** @type {Array<() => Promise<unknown>>} */
  const closing = []
  try {
    let url = given
    if (url === undefined) {
      const server = await SignalServer.listen()
      closing.push(() => server.close())
      url = server.url
      console.log(`Signal server at ${url}`)
    }
    const page = await servePage('call-page')
    closing.push(page.close)
    const query = new URLSearchParams({ room, signal: url, ...(stun && { stun: '' }) })
    console.log(`The call: ${page.url}#${query}`)
    if (card) {
      const driver = new WebSocketDriver(url)
      closing.push(() => driver.close())
      const participant = await TestCard.join({ driver, room, stun, tell: text => console.log(text) })
      closing.push(() => participant.leave())
    }
    console.log('Ctrl-C ends.')
    if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
  } finally {
    for (const close of closing.toReversed()) await close()
  }
  // @roamhq/wrtc 0.10.0 crashes a process that ends by itself after a source was stopped (node-webrtc/node-webrtc#636).
  if (card) process.exit()
})
