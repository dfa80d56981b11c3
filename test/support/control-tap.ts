/** An attacker's hand on its own control channels: hears every frame of the other side, and says what it likes. */
import { type ControlFrame, decodeControl, encodeControl } from '../../src/channel/control-wire.js'
import type { FakeChannel, FakeConnection, FakeEngine } from './fake-engine.js'

const CONTROL = 'swarmlink:control'

/** A connection of the attacker that has a control channel. */
export interface TappedLine {
  readonly connection: FakeConnection
  readonly channel: FakeChannel
  /** Who opened the channel. */
  readonly role: 'caller' | 'callee'
  readonly heard: ControlFrame[]
  /** The key that seals what others pass on about this connection. */
  key: Uint8Array | undefined
}

export class ControlTap {
  /** The newest last. */
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

  /** False when the channel is not open. */
  says(line: TappedLine, bytes: Uint8Array): boolean {
    if (line.channel.state !== 'open') return false
    line.channel.send(bytes)
    return true
  }

  #tap(connection: FakeConnection): void {
    const createChannel = connection.createChannel.bind(connection)
    connection.createChannel = label => {
      const channel = createChannel(label)
      if (label === CONTROL) this.#listen(connection, channel, 'caller')
      return channel
    }
    connection.on('channel', channel => {
      if (channel.label === CONTROL) this.#listen(connection, channel as FakeChannel, 'callee') // the engine makes no others
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
    // Behind the listeners of the control itself, which would miss what comes before them otherwise.
    queueMicrotask(() => channel.on('message', message => hear(message, frame => line.heard.push(frame))))
    const send = channel.send.bind(channel)
    channel.send = message => {
      hear(message, () => {})
      send(message)
    }
  }
}

export const sayFrame = (tap: ControlTap, line: TappedLine, frame: ControlFrame) => tap.says(line, encodeControl(frame))

/** What an attacker itself says need not be readable. */
function framesOf(message: Uint8Array): ControlFrame[] {
  try {
    return decodeControl(message)
  } catch {
    return []
  }
}
