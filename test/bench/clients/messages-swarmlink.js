// @ts-check
/** swarmlink: a `DataConnection` of a `TrackerClient`. */
import { TrackerClient } from 'swarmlink'
import { serveMessages } from './messages-client.js'
import { engineModule } from './messages-engine.js'

/** @typedef {import('../types.js').Carrier} Carrier */
/** @typedef {import('swarmlink').DataConnection} DataConnection */
/** @typedef {import('swarmlink').Json} Json */
/** @typedef {import('swarmlink').Message} Message */

const MAX_MESSAGE_SIZE = 256 * 2 ** 20
const QUESTION = { text: 'x'.repeat(89) }
const READ_SIZE = 256 * 1024

serveMessages(async ({ engine = 'node-datachannel', trackerUrl, topic }, report) => {
  const wrtc = await engineModule(engine)
  const client = new TrackerClient(trackerUrl, topic.infoHash, undefined, {
    iceServers: [],
    wrtc,
    maxMessageSize: MAX_MESSAGE_SIZE,
  })
  /** @type {DataConnection} */
  let connection
  /** @type {(message: Message) => void} */
  let receive = () => {}

  client.on('connection', opened => {
    connection = opened
    opened.on('data', message => receive(message))
    opened.on('error', error => {
      throw error
    })
    opened.on('connect', () => report.linked(opened.remotePeerId))
  })

  /** @type {Carrier} */
  const carrier = {
    post: value => connection.send(/** @type {Json} */ (value)),
    room: () => new Promise(resolve => connection.once('drain', resolve)),
    sendLarge: async message => {
      if (!connection.send(message)) await carrier.room()
    },
    listen: listener => {
      receive = listener
    },
    request: async () => void (await connection.request(QUESTION)),
    answer: answered =>
      connection.respond(question => {
        answered()
        return question
      }),
    stream: source => connection.stream(source),
    readStream: read =>
      new Promise((resolve, reject) => {
        connection.once('stream', ({ readable }) => {
          readInto(readable, read).then(resolve, reject)
        })
      }),
  }

  return { carrier: () => carrier, start: () => client.connect(), stop: () => client.disconnect() }
})

/**
 * Reads into one buffer repeatedly, so that discarded bytes do not count as memory of the stream.
 *
 * @param {ReadableStream<Uint8Array>} readable
 * @param {(bytes: Uint8Array) => void} read
 */
async function readInto(readable, read) {
  const reader = readable.getReader({ mode: 'byob' })
  let buffer = new Uint8Array(READ_SIZE)
  for (;;) {
    const { value, done } = await reader.read(buffer)
    if (done) return
    read(value)
    buffer = new Uint8Array(value.buffer)
  }
}
