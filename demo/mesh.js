// @ts-check
/** `npm run demo:mesh`: a mesh of processes that broadcasts, loses half of its members and heals; with `--chat` a chat over a mesh. */
import { readArguments } from './support/arguments.js'
import { chatInTerminal } from './support/mesh-chat-terminal.js'
import { MeshShow } from './support/mesh-show.js'
import { runProgram, unlessAborted, UsageError } from './support/program.js'
import { startTracker } from './support/tracker.js'

const COMMAND = {
  usage: 'npm run demo:mesh [-- options]',
  about: `Starts 20 processes that meet at a local tracker, each connected to a few others. It shows how a broadcast
spreads, kills half of the processes, and shows how the mesh heals. Nothing leaves this machine.
With --chat it is a chat over a mesh instead. Without --tracker the chat runs a small tracker for the
others, and prints how they join.`,
  options: {
    members: { value: 'N', help: 'how many processes (20)' },
    chat: { help: 'chat; the options below are for it' },
    room: { value: 'NAME', help: 'which room (lobby)' },
    name: { value: 'NAME', help: 'what the others call you' },
    tracker: { value: 'URL', multiple: true, help: 'meet at this ws: or wss: tracker; may be given several times' },
    page: { help: 'serve the room as a page too, and print its address' },
    stun: { help: 'ask public STUN servers for the address of this machine, for members on other networks' },
    debug: { help: 'write the log of every decision to stderr' },
  },
}

const FEWEST = 4
const MOST = 100

await runProgram(async signal => {
  const line = readArguments(COMMAND)
  if (line === undefined) return
  const { chat = false, members, ...rest } = line.values
  if (chat) await startChat(members, rest, signal)
  else await startShow(members ?? '20', rest, signal)
})

/** @param {string} members @param {Record<string, unknown>} rest @param {AbortSignal} signal */
async function startShow(members, rest, signal) {
  const [misplaced] = Object.keys(rest)
  if (misplaced !== undefined) throw new UsageError(`--${misplaced} is an option of the chat: add --chat`)
  const count = Number(members)
  if (!Number.isInteger(count) || count < FEWEST || count > MOST)
    throw new UsageError(`--members takes a number from ${FEWEST} to ${MOST}, not ${members}`)
  const tracker = await startTracker()
  const show = new MeshShow()
  try {
    await unlessAborted(signal, show.run({ transport: tracker.url, members: count }))
  } finally {
    await show.close()
    await tracker.close()
  }
}

/** @param {string | undefined} members @param {Record<string, any>} values @param {AbortSignal} signal */
async function startChat(members, values, signal) {
  if (members !== undefined) throw new UsageError('--members is no option of the chat: leave --chat away')
  const {
    room = 'lobby',
    name = `terminal ${process.pid % 1000}`,
    tracker = [],
    page = false,
    stun = false,
    debug = false,
  } = values
  for (const url of tracker)
    if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol))
      throw new UsageError(`--tracker takes an address that begins with ws: or wss:, not ${url}`)
  await chatInTerminal({ room, name, trackers: tracker, page, stun, debug }, signal)
}
