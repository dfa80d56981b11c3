/** Asks STUN servers for the mapped address of this machine, all from one port. Knows nothing of what the answers mean. */
import { createSocket, type Socket, type SocketType } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { toHex } from '../core/bytes.js'
import type { Env, Timer } from '../core/env.js'
import { decodeResponse, encodeRequest, TRANSACTION_BYTES, type Mapped } from './stun-codec.js'

/** First retransmission timeout in milliseconds; doubled for each retransmission (RFC 8489). */
const FIRST_TIMEOUT = 500

export interface StunServer {
  host: string
  port: number
}

export interface StunAnswer {
  mapped: Mapped
  /** The server's own address: two names may resolve to the same one. */
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

  /** Repeats the request until there is an answer, or until `close()`. */
  async ask({ host, port }: StunServer): Promise<StunAnswer> {
    // IPv4 first, because it has the NATs.
    const { address, family } = await lookup(host, { order: 'ipv4first' })
    if (this.#closed) throw new Error('the STUN client was closed')
    const socket = this.#socket(family === 6 ? 'udp6' : 'udp4')
    const transaction = this.#env.randomBytes(TRANSACTION_BYTES)
    const key = toHex(transaction)
    const began = this.#env.now()
    const mapped = await new Promise<Mapped>((resolve, reject) => {
      const question: Question = { answer: resolve, fail: reject, timer: undefined }
      this.#questions.set(key, question)
      const send = (wait: number) => {
        socket.send(encodeRequest(transaction), port, address, error => {
          if (error !== null) this.#fail(key, error)
        })
        question.timer = this.#env.timer(wait, () => send(2 * wait))
      }
      send(FIRST_TIMEOUT)
    })
    return { mapped, server: address, ms: this.#env.now() - began }
  }

  close(): void {
    this.#closed = true
    this.#failAll(new Error('the STUN client was closed'))
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #socket(type: SocketType): Socket {
    const known = this.#sockets.get(type)
    if (known !== undefined) return known
    const socket = createSocket(type)
    socket.on('message', packet => this.#receive(packet))
    socket.on('error', error => this.#failAll(error))
    this.#sockets.set(type, socket)
    return socket
  }

  #failAll(error: Error): void {
    for (const key of [...this.#questions.keys()]) this.#fail(key, error)
  }

  #fail(key: string, error: Error): void {
    const question = this.#questions.get(key)
    this.#questions.delete(key)
    question?.timer?.cancel()
    question?.fail(error)
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
