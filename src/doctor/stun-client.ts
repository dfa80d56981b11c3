/** Asks STUN servers from where they see us, all from one port, as one NAT sees it. Knows nothing of what the answers mean. */
import { createSocket, type Socket, type SocketType } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { toHex } from '../core/bytes.js'
import type { Env, Timer } from '../core/env.js'
import { decodeResponse, encodeRequest, TRANSACTION_BYTES, type Mapped } from './stun-wire.js'

/** UDP loses packets. Doubled from one repetition to the next, as RFC 8489 has it. */
const FIRST_REPETITION = 500

export interface StunServer {
  host: string
  port: number
}

export interface StunAnswer {
  /** Where the server sees us. */
  mapped: Mapped
  /** The server's own address: two names may lead to one. */
  server: string
  ms: number
}

interface Question {
  answer: (mapped: Mapped) => void
  fail: (error: Error) => void
  timer: Timer | undefined
}

export class StunClient {
  readonly #env: Env
  readonly #sockets = new Map<SocketType, Socket>()
  readonly #questions = new Map<string, Question>()
  #closed = false

  constructor(env: Env) {
    this.#env = env
  }

  /** Goes on asking until there is an answer, or until `close()`. */
  async ask({ host, port }: StunServer): Promise<StunAnswer> {
    // NATs are IPv4's: where there is a choice, it is the more telling one.
    const { address, family } = await lookup(host, { order: 'ipv4first' })
    if (this.#closed) throw new Error('it was closed')
    const socket = this.#socket(family === 6 ? 'udp6' : 'udp4')
    const transaction = this.#env.randomBytes(TRANSACTION_BYTES)
    const began = this.#env.now()
    const mapped = await new Promise<Mapped>((resolve, reject) => {
      const question: Question = { answer: resolve, fail: reject, timer: undefined }
      this.#questions.set(toHex(transaction), question)
      const send = (wait: number) => {
        socket.send(encodeRequest(transaction), port, address, error => {
          if (error !== null) reject(error)
        })
        question.timer = this.#env.timer(wait, () => send(2 * wait))
      }
      send(FIRST_REPETITION)
    })
    return { mapped, server: address, ms: this.#env.now() - began }
  }

  close(): void {
    this.#closed = true
    for (const { timer, fail } of this.#questions.values()) {
      timer?.cancel()
      fail(new Error('it was closed'))
    }
    this.#questions.clear()
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #socket(type: SocketType): Socket {
    const known = this.#sockets.get(type)
    if (known !== undefined) return known
    const socket = createSocket(type)
    socket.on('message', packet => this.#receive(packet))
    socket.on('error', error => {
      for (const { fail } of this.#questions.values()) fail(error)
    })
    this.#sockets.set(type, socket)
    return socket
  }

  #receive(packet: Uint8Array): void {
    const response = decodeResponse(packet)
    const key = response && toHex(response.transaction)
    const question = key && this.#questions.get(key)
    if (!response || !key || !question) return
    this.#questions.delete(key)
    question.timer?.cancel()
    question.answer(response.mapped)
  }
}
