// @ts-check
/** The chat over a mesh in a terminal: `npm run demo:mesh -- --chat`. */
import { MeshChat } from './mesh-chat.js'
import { servePage } from './page.js'
import { Terminal } from './terminal.js'
import { startTracker } from './tracker.js'

/**
 * Resolves when the user leaves: by `/quit`, or when the signal aborts.
 *
 * @param {{ room: string, name: string, trackers: string[], page: boolean, stun: boolean, debug: boolean }} options
 * @param {AbortSignal} signal
 */
export async function chatInTerminal({ room, name, trackers: given, page, stun, debug }, signal) {
  const terminal = new Terminal()
  /** @type {Array<() => Promise<void>>} */
  const closing = [async () => terminal.close()]
  try {
    const trackers = [...given]
    if (trackers.length === 0) {
      const tracker = await startTracker()
      closing.push(tracker.close)
      trackers.push(tracker.url)
    }
    const pairs = [['room', room], ...trackers.map(url => ['tracker', url])]
    const options = pairs.map(
      ([option, value = '']) => `--${option} ${/^[\w:/.-]+$/.test(value) ? value : JSON.stringify(value)}`,
    )
    terminal.line(`Others join with: npm run demo:mesh -- --chat ${[...options, ...(stun ? ['--stun'] : [])].join(' ')}`)
    if (page) {
      const served = await servePage('mesh-chat')
      closing.push(served.close)
      terminal.line(`In a browser: ${served.url}#${new URLSearchParams([...pairs, ...(stun ? [['stun', '']] : [])])}`)
    }
    const chat = await MeshChat.open(
      { room, name, trackers, stun, debug },
      {
        event: text => terminal.line(`* ${text}`),
        heard: (who, text) => terminal.line(`${who}: ${text}`),
        warn: text => terminal.warn(text),
        changed: () => {},
      },
    )
    closing.push(() => chat.close())
    terminal.line(`You are ${name} in ${room}. Type to chat; /help lists the commands, /quit leaves.`)
    await new Promise(resolve => {
      terminal.onInput(text => {
        if (text.trim() === '/quit') return resolve(undefined)
        chat.enter(text).then(
          lines => lines.forEach(line => terminal.line(line)),
          error => terminal.warn(error.message),
        )
      })
      if (signal.aborted) resolve(undefined)
      signal.addEventListener('abort', resolve, { once: true })
    })
  } finally {
    for (const close of closing.toReversed()) await close()
  }
}
