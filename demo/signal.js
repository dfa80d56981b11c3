// @ts-check
/** `npm run demo:signal -- --port 8080`: a signal server for WebSocketDrivers. */
import { SignalServer } from 'swarmlink/signaling/server'
import { readArguments } from './support/arguments.js'
import { Failure, messageOf, runProgram, UsageError } from './support/program.js'

const DEFAULT_PORT = 8080
const MAX_PORT = 65_535

const COMMAND = {
  usage: 'npm run demo:signal -- [options]',
  about: `Passes messages between all connected WebSocketDrivers, until Ctrl-C.
It listens on this machine only, unless --host says otherwise.`,
  options: {
    port: { value: 'PORT', help: `listen here; 0 takes any free port (${DEFAULT_PORT})` },
    host: { value: 'ADDRESS', help: 'listen on this address; 0.0.0.0 for all machines (127.0.0.1)' },
  },
}

await runProgram(async signal => {
  const line = readArguments(COMMAND)
  if (line === undefined) return
  const { port: given = String(DEFAULT_PORT), host = '127.0.0.1' } = line.values
  const port = Number(given)
  if (!/^\d+$/.test(given) || port > MAX_PORT) throw new UsageError(`--port takes a number from 0 to ${MAX_PORT}, not ${given}`)

  const server = await listen(port, host)
  console.log(`Signal server at ${server.url}`)
  console.log(`\nIn your application:\n\n  const driver = new WebSocketDriver('${server.url}')\n`)
  console.log('Ctrl-C ends.')
  await untilAborted(signal)
  const { clients, messagesOut } = server.stats()
  await server.close()
  console.log(`\n${clients} clients were connected at the end, ${messagesOut} messages were forwarded.`)
})

/** @param {number} port @param {string} host */
async function listen(port, host) {
  try {
    return await SignalServer.listen({ port, host })
  } catch (error) {
    throw new Failure(messageOf(error))
  }
}

/** @param {AbortSignal} signal */
async function untilAborted(signal) {
  if (signal.aborted) return
  await new Promise(resolve => signal.addEventListener('abort', resolve))
}
