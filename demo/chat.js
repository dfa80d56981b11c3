// @ts-check
/** `npm run demo:chat`: a chat room in terminals and pages, met over trackers or over NATS. */
import { readArguments } from './support/arguments.js'
import { servePage } from './support/page.js'
import { Failure, messageOf, runProgram, UsageError } from './support/program.js'
import { Room } from './support/room.js'
import { Terminal } from './support/terminal.js'
import { startTracker } from './support/tracker.js'

const COMMAND = {
  usage: 'npm run demo:chat -- [options]',
  about: `A chat room without a server behind it. Without --tracker and --nats it runs a small
tracker for the others, and prints how they join. What you type goes to all members.`,
  options: {
    room: { value: 'NAME', help: 'which room (lobby)' },
    name: { value: 'NAME', help: 'what the others call you' },
    tracker: { value: 'URL', multiple: true, help: 'meet at this ws: or wss: tracker; may be given several times' },
    nats: {
      value: 'URL',
      multiple: true,
      help: 'meet over this NATS server (its WebSocket port: ws: or wss:); several make a cluster',
    },
    page: { help: 'serve the room as a page too, and print its address' },
    stun: { help: 'ask public STUN servers for the address of this machine, for members on other networks' },
    debug: { help: 'write the log of every decision to stderr' },
  },
}

await runProgram(async signal => {
  const line = readArguments(COMMAND)
  if (line === undefined) return
  const { room = 'lobby', name = `terminal ${process.pid % 1000}`, nats = [], stun = false, debug = false } = line.values
  const wanted = /** @type {string[]} */ (line.values['tracker'] ?? [])
  checkUrls('--tracker', wanted)
  checkUrls('--nats', nats)

  const terminal = new Terminal()
  /** @type {Array<() => Promise<void>>} */
  const closing = [async () => terminal.close()]
  try {
    const trackers = [...wanted]
    if (trackers.length === 0 && nats.length === 0) {
      const tracker = await startTracker()
      closing.push(tracker.close)
      trackers.push(tracker.url)
    }
    const place = placeOf({ room, trackers, nats, stun })
    terminal.line(`Others join with: npm run demo:chat -- ${place.options}`)
    if (line.values['page'] === true) {
      const page = await servePage('chat-page')
      closing.push(page.close)
      terminal.line(`In a browser: ${page.url}#${place.query}`)
    }
    const drivers = await openDrivers(nats)
    closing.push(...drivers.map(driver => () => driver.close()))
    const chat = new Room({ room, name, trackers, drivers, stun, debug }, reportOn(terminal))
    closing.push(() => chat.close())
    terminal.onInput(text => {
      if (chat.say(text) === 0) terminal.line('(no peer is connected yet: not sent)')
    })
    await chat.open()
    terminal.line(`You are ${name} in ${room}. Type to chat; Ctrl-C ends.`)
    await new Promise(resolve => {
      if (signal.aborted) resolve(undefined)
      signal.addEventListener('abort', resolve, { once: true })
    })
  } finally {
    for (const close of closing.toReversed()) await close()
  }
})

/** How others get to the same room: as command line options and as a page's address. */
function placeOf(
  /** @type {{ room: string, trackers: string[], nats: string[], stun: boolean }} */ { room, trackers, nats, stun },
) {
  const pairs = [['room', room], ...trackers.map(url => ['tracker', url]), ...nats.map(url => ['nats', url])]
  const options = pairs.map(([option, value = '']) => `--${option} ${/^[\w:/.-]+$/.test(value) ? value : JSON.stringify(value)}`)
  return {
    options: [...options, ...(stun ? ['--stun'] : [])].join(' '),
    query: new URLSearchParams([...pairs, ...(stun ? [['stun', '']] : [])]).toString(),
  }
}

/** @param {Terminal} terminal @returns {import('./support/room.js').RoomReport} */
function reportOn(terminal) {
  return {
    joined: name => terminal.line(`+ ${name} is here`),
    left: name => terminal.line(`- ${name} is gone`),
    heard: (name, text) => terminal.line(`${name}: ${text}`),
    warn: text => terminal.warn(text),
  }
}

/** Loads the NATS client only where it is used. @param {string[]} servers */
async function openDrivers(servers) {
  if (servers.length === 0) return []
  try {
    const { NatsDriver } = await import('swarmlink/signaling/nats')
    return [new NatsDriver({ servers })]
  } catch (error) {
    throw new Failure(`NATS needs its package (npm install @nats-io/nats-core): ${messageOf(error)}`)
  }
}

/** @param {string} option @param {string[]} urls */
function checkUrls(option, urls) {
  for (const url of urls)
    if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol))
      throw new UsageError(`${option} takes an address that begins with ws: or wss:, not ${url}`)
}
