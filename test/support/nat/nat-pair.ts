/** Two hosts of a lab that meet through a tracker there: WebTorrent clients with or without the plugin. */
import type { LabOptions } from './nat-lab.js'
import { NatLab } from './nat-lab.js'
import { Processes, type Child } from '../processes.js'

/** `stock`: WebTorrent without the plugin. */
export type EngineName = 'node-datachannel' | 'roamhq' | 'stock'

export interface End {
  engine: EngineName
  rtcConfig: RTCConfiguration
}

export interface Failure {
  code: string
  message: string
}

export interface Meeting {
  /** How long until both ends have a wire, from the second one's start of the torrent, in milliseconds. */
  took: number
  /** UDP bytes that the server received meanwhile. */
  udpBytes: number
}

/** In characters. */
const MESSAGE = 100_000

let meetings = 0

export class NatPair {
  readonly lab: NatLab
  readonly #hosts: [Child, Child]
  readonly #tracker: Child
  readonly #url: string

  private constructor(lab: NatLab, hosts: [Child, Child], tracker: Child, url: string) {
    this.lab = lab
    this.#hosts = hosts
    this.#tracker = tracker
    this.#url = url
  }

  /** `onFinished` registers the clean-up, at once. */
  static async open(onFinished: (close: () => Promise<void>) => void, options: LabOptions = {}): Promise<NatPair> {
    const lab = await NatLab.open(options)
    onFinished(() => lab.close())
    const processes = new Processes(onFinished)
    const server = { host: lab.address }
    const [{ tracker, url }, one, two] = await Promise.all([
      processes.tracker(server, 'tracker', { namespace: lab.server }),
      processes.start('client', { namespace: lab.host1 }),
      processes.start('client', { namespace: lab.host2 }),
    ])
    return new NatPair(lab, [one, two], tracker, url)
  }

  /**
   * The answerer seeds at host 2, and the offerer adds the torrent at host 1. The offerer offers, because it joins later and trackers hand
   * offers to present members.
   */
  async meet(offerer: End, answerer: End, patience: number): Promise<Meeting> {
    return this.#with(offerer, answerer, async ends => {
      const before = await this.lab.udpBytes()
      const began = await this.#join(ends)
      const wires = await Promise.all(ends.map(({ host, name }) => host.next('wire', report => report['on'] === name, patience)))
      await ends[0].host.next('done', report => report['on'] === ends[0].name, patience)
      return { took: Math.max(...wires.map(({ at }) => at)) - began, udpBytes: (await this.lab.udpBytes()) - before }
    })
  }

  /**
   * The UDP bytes that the server receives while a message of 100 000 bytes passes from the offerer to the answerer: of the first message that
   * needs no relay, or at the end of `patience` of the last one. ICE starts with the first path that works, and goes over to a better one.
   */
  async relayed(offerer: End, answerer: End, patience: number): Promise<number> {
    return this.#with(offerer, answerer, async ends => {
      const [from, to] = ends
      await this.#join(ends)
      await Promise.all(ends.map(({ host, name }) => host.next('connect', report => report['on'] === name, patience)))
      for (const deadline = Date.now() + patience; ;) {
        const before = await this.lab.udpBytes()
        const message = `${before} ${'x'.repeat(MESSAGE)}`
        await from.host.ask('send', { message }, from.name)
        await to.host.next('data', report => report['on'] === to.name && report['data'] === message, patience)
        const bytes = (await this.lab.udpBytes()) - before
        if (bytes < MESSAGE / 2 || Date.now() > deadline) return bytes
      }
    })
  }

  /** Lets two hosts meet that cannot connect. Returns the first failure of each. */
  async miss(offerer: End, answerer: End, patience: number): Promise<Failure[]> {
    return this.#with(offerer, answerer, async ends => {
      await this.#join(ends)
      const failures = await Promise.all(
        ends.map(({ host, name }) => host.next('peer-failed', report => report['on'] === name, patience)),
      )
      return failures.map(({ code, message }) => ({ code, message })) // the fields that client.js reports
    })
  }

  async #with<T>(offerer: End, answerer: End, use: (ends: [Side, Side]) => Promise<T>): Promise<T> {
    const name = `meeting ${++meetings}`
    const [one, two] = this.#hosts
    const ends: [Side, Side] = [
      { ...offerer, host: one, name },
      { ...answerer, host: two, name },
    ]
    try {
      await Promise.all(ends.map(end => this.#start(end)))
      return await use(ends)
    } finally {
      // @roamhq/wrtc may crash when the other end closes while it sends (see engine/roamhq.ts): it leaves first.
      for (const end of ends.toSorted((a, b) => Number(b.engine === 'roamhq') - Number(a.engine === 'roamhq')))
        await this.#stop(end)
    }
  }

  async #start({ host, name, engine, rtcConfig }: Side): Promise<void> {
    const plugin = { trackers: [this.#url], rtcConfig, ...(engine === 'roamhq' && { wrtc: engine }) }
    const client = { tracker: { rtcConfig } }
    await host.ask('start', engine === 'stock' ? { client } : { plugin }, name)
  }

  /** Returns when the second one started the torrent. */
  async #join([offerer, answerer]: [Side, Side]): Promise<number> {
    const announce = (end: Side) => (end.engine === 'stock' ? [this.#url] : [])
    const seeded = await answerer.host.ask('seed', { name: answerer.name, announce: announce(answerer) }, answerer.name)
    await this.#tracker.next('announce', report => report['infoHash'] === seeded.infoHash)
    const began = Number(process.hrtime.bigint()) / 1e6 // the clock of the reports
    await offerer.host.ask('add', { torrent: seeded.magnet, announce: announce(offerer) }, offerer.name)
    return began
  }

  async #stop({ host, name, engine }: Side): Promise<void> {
    if (host.ended !== undefined) return
    if (engine !== 'stock') await host.ask('detach', {}, name)
    await host.ask('destroyClient', {}, name)
  }
}

interface Side extends End {
  host: Child
  name: string
}

/** Closes what a test file opened, in reverse order. */
export class Closing {
  readonly #closes: Array<() => Promise<void>> = []

  readonly add = (close: () => Promise<void>): void => void this.#closes.push(close)

  readonly run = async (): Promise<void> => {
    for (const close of this.#closes.splice(0).toReversed()) await close()
  }
}
