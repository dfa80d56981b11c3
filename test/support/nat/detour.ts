/** A relay between two real WebRTC engines that can be cut: it replaces the addresses in their descriptions by those of its sockets. */
import { createSocket, type Socket } from 'node:dgram'

const CANDIDATE = /^(a=candidate:\S+ 1 )(\S+)( \d+ )(\S+) (\d+)( typ .*)$/i

interface Face {
  socket: Socket
  port: number
}

export class Detour {
  readonly #free: Face[]
  readonly #all: readonly Face[]
  /** By the address that each socket stands for. */
  readonly #faces = new Map<string, Face>()
  /** Datagrams forwarded so far. */
  passed = 0
  isCut = false

  private constructor(faces: Face[]) {
    this.#all = [...faces]
    this.#free = faces
  }

  /** Opens this many sockets: one for each address in the descriptions to come. */
  static async open(sockets = 60): Promise<Detour> {
    const opening = Array.from({ length: sockets }, async (): Promise<Face> => {
      const socket = createSocket('udp4')
      await new Promise<void>(resolve => socket.bind(0, resolve))
      return { socket, port: socket.address().port }
    })
    return new Detour(await Promise.all(opening))
  }

  /** Replaces the addresses of a description by the relay's. Only IPv4 over UDP can be relayed, so other candidates are left out. */
  rewrite(sdp: string): string {
    return sdp
      .split('\r\n')
      .flatMap(line => {
        const [, head, protocol = '', priority, address = '', port, type] = CANDIDATE.exec(line) ?? []
        if (head === undefined) return [line]
        if (!/^udp$/i.test(protocol) || !/^\d+(\.\d+){3}$/.test(address)) return []
        const face = this.#face(address, Number(port))
        return face === undefined ? [] : [`${head}${protocol}${priority}${address} ${face.port}${type}`]
      })
      .join('\r\n')
  }

  close(): void {
    for (const { socket } of this.#all) socket.close()
  }

  /** The socket that stands for this address: datagrams sent to it reach the address, and answers come from it. */
  #face(address: string, port: number): Face | undefined {
    const key = `${address}:${port}`
    const known = this.#faces.get(key)
    const face = known ?? this.#free.pop()
    if (known !== undefined || face === undefined) return face
    this.#faces.set(key, face)
    face.socket.on('message', (datagram, from) => {
      const back = this.#face(from.address, from.port)
      if (this.isCut || back === undefined) return
      this.passed++
      back.socket.send(datagram, port, address, () => {}) // errors of a closed peer do not matter
    })
    return face
  }
}
