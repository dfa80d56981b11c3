/** An attacker's access to its own control channels: it reads every frame of the other side, and sends any bytes. */
import { type ControlFrame, decodeControl, encodeControl } from '../../../src/channel/control/codec.js'
import type { FakeChannel, FakeConnection, FakeEngine } from '../fakes/fake-engine.js'

const CONTROL = 'swarmlink:control'

/** An attacker's connection with a control channel. */
export interface TappedLine {
  readonly connection: FakeConnection
  readonly channel: FakeChannel
  /** The side that opened the channel. */
  readonly role: 'offerer' | 'answerer'
  readonly heard: ControlFrame[]
  /** The key that seals forwarded repair messages of this connection. */
  key: Uint8Array | undefined
}

export class ControlTap {
  /** In order, newest last. */
  readonly lines: TappedLine[] = []

  constructor(engine: FakeEngine) {
    for (const connection of engine.connections) this.#tap(connection)
    const create = engine.createConnection.bind(engine)
    engine.createConnection = config => {
      const connection = create(config)
      this.#tap(connection)
      return connection
    }
  }

  /** Returns false when the channel is not open. */
  says(line: TappedLine, bytes: Uint8Array): boolean {
    if (line.channel.state !== 'open') return false
    line.channel.send(bytes)
    return true
  }

  #tap(connection: FakeConnection): void {
    const createChannel = connection.createChannel.bind(connection)
    connection.createChannel = label => {
      const channel = createChannel(label)
      if (label === CONTROL) this.#listen(connection, channel, 'offerer')
      return channel
    }
    connection.on('channel', channel => {
      if (channel.label === CONTROL) this.#listen(connection, channel as FakeChannel, 'answerer') // the fake engine makes no other channels
    })
  }

  #listen(connection: FakeConnection, channel: FakeChannel, role: TappedLine['role']): void {
    const line: TappedLine = { connection, channel, role, heard: [], key: undefined }
    this.lines.push(line)
    const hear = (message: string | Uint8Array, keep: (frame: ControlFrame) => void) => {
      if (typeof message === 'string') return
      for (const frame of framesOf(message)) {
        if (frame.type === 'repair-key') line.key = frame.key.slice()
        keep(frame)
      }
    }
    // Added after the control's own listeners, which would otherwise miss early messages.
    queueMicrotask(() => channel.on('message', message => hear(message, frame => line.heard.push(frame))))
    const send = channel.send.bind(channel)
    channel.send = message => {
      hear(message, () => {})
      send(message)
    }
  }
}

export const sayFrame = (tap: ControlTap, line: TappedLine, frame: ControlFrame) => tap.says(line, encodeControl(frame))

/** The attacker's own bytes need not be decodable. */
function framesOf(message: Uint8Array): ControlFrame[] {
  try {
    return decodeControl(message)
  } catch {
    return []
  }
}
