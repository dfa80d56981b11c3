/** Two hosts of a lab that meet through a tracker there: WebTorrent clients, with the plugin or without. */
import type { LabOptions } from './nat-lab.js'
import { NatLab } from './nat-lab.js'
import { Processes, type Child } from './processes.js'

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
  /** Until both ends have a wire, from the moment at which the second one was told of the torrent, in milliseconds. */
  took: number
  /** What came to the server by UDP meanwhile, in bytes. */
  udpBytes: number
}

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

  /** `onFinished` is told how to clear it away, at once. */
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
   * The callee seeds at host 2, the caller adds the torrent at host 1. The caller is the one that offers: it joins later, and trackers
   * hand offers to those who are there.
   */
  async meet(caller: End, callee: End, patience: number): Promise<Meeting> {
    return this.#with(caller, callee, async ends => {
      const before = await this.lab.udpBytes()
      const began = await this.#join(ends)
      const wires = await Promise.all(ends.map(({ host, name }) => host.next('wire', report => report['on'] === name, patience)))
      await ends[0].host.next('done', report => report['on'] === ends[0].name, patience)
      return { took: Math.max(...wires.map(({ at }) => at)) - began, udpBytes: (await this.lab.udpBytes()) - before }
    })
  }

  /** The same of two that cannot connect: what each of them says first. */
  async miss(caller: End, callee: End, patience: number): Promise<Failure[]> {
    return this.#with(caller, callee, async ends => {
      await this.#join(ends)
      const failures = await Promise.all(
        ends.map(({ host, name }) => host.next('peer-failed', report => report['on'] === name, patience)),
      )
      return failures.map(({ code, message }) => ({ code, message })) // as client.js tells it
    })
  }

  async #with<T>(caller: End, callee: End, use: (ends: [Side, Side]) => Promise<T>): Promise<T> {
    const name = `meeting ${++meetings}`
    const [one, two] = this.#hosts
    const ends: [Side, Side] = [
      { ...caller, host: one, name },
      { ...callee, host: two, name },
    ]
    try {
      await Promise.all(ends.map(end => this.#start(end)))
      return await use(ends)
    } finally {
      await Promise.all(ends.map(end => this.#stop(end)))
    }
  }

  async #start({ host, name, engine, rtcConfig }: Side): Promise<void> {
    const plugin = { trackers: [this.#url], rtcConfig, ...(engine === 'roamhq' && { wrtc: engine }) }
    const client = { tracker: { rtcConfig } }
    await host.ask('start', engine === 'stock' ? { client } : { plugin }, name)
  }

  /** The moment at which the second one was told of it. */
  async #join([caller, callee]: [Side, Side]): Promise<number> {
    const announce = (end: Side) => (end.engine === 'stock' ? [this.#url] : [])
    const seeded = await callee.host.ask('seed', { name: callee.name, announce: announce(callee) }, callee.name)
    await this.#tracker.next('announce', report => report['infoHash'] === seeded.infoHash)
    const began = Number(process.hrtime.bigint()) / 1e6 // the clock of the reports
    await caller.host.ask('add', { torrent: seeded.magnet, announce: announce(caller) }, caller.name)
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

/** Closes what a test file opened, the last first. */
export class Closing {
  readonly #closes: Array<() => Promise<void>> = []

  readonly add = (close: () => Promise<void>): void => void this.#closes.push(close)

  readonly run = async (): Promise<void> => {
    for (const close of this.#closes.splice(0).toReversed()) await close()
  }
}
