/**
 * A swarm under constant churn whose only tracker is down for a while: the shipped code of every client, from announcements to the
 * offer pool, on a fake engine and a fake tracker in virtual time.
 */
import { SWARM_DEFAULTS } from '../../src/swarm/swarm-options.js'
import { ManualSignaling } from '../../src/signaling/manual/manual-signaling.js'
import { type Node, TOPIC, World } from './world.js'
import { Company, type Loneliness, type Spell } from './company.js'

export interface SimulationOptions {
  clients: number
  /** The most peers per client. */
  peers: number
  /** The share of all clients that leaves per minute. As many join. */
  churn: number
  /** Minutes with the tracker, without it, and with it again. */
  before: number
  outage: number
  after: number
  seed: number
}

const SIMULATION_DEFAULTS: SimulationOptions = {
  clients: 1_000,
  peers: 10,
  churn: 0.2,
  before: 3,
  outage: 10,
  after: 2,
  seed: 1,
}

/** What happened in one virtual minute, and the state at its end. */
export interface Minute extends Loneliness {
  minute: number
  /** Whether the tracker is up. */
  tracker: boolean
  clients: number
  links: number
  /** Sizes of the swarm's partitions, largest first. */
  pieces: number[]
  /** Connections that opened. */
  opened: number
  announcements: number
  offers: number
  /** Payloads that members forwarded. */
  forwarded: number
  /** All messages over channels: forwarded payloads twice, queries, pings. */
  messages: number
  /** Newcomers that a known member introduced, and attempts that a full member refused. */
  introduced: number
  turnedDown: number
  /** Peers by stage and then reason or signalling. */
  stages: Record<string, number>
  /** Real time in milliseconds. */
  took: number
}

export interface Outcome {
  minutes: Minute[]
  /** Times without a peer after the outage began, of members that had met one. */
  spells: readonly Spell[]
  /** Invariants that did not hold. */
  failures: string[]
}

/** At first, clients join evenly over this time. */
const GATHERING = 30_000
/** How soon a newcomer that was refused by one member asks another. */
const NEXT_MEMBER = 2_000
/** One announce round, with its jitter. */
const ROUND = SWARM_DEFAULTS.announceInterval * 1.1
/** The least share of the connected members that the largest partition holds. */
const TOGETHER = 0.99

export class Simulation {
  readonly world: World
  readonly #company: Company
  readonly #options: SimulationOptions
  readonly #manuals = new WeakMap<Node, ManualSignaling>()
  readonly #minutes: Minute[] = []
  /** Payloads that each node had forwarded when it was last counted. */
  readonly #forwarded = new WeakMap<Node, number>()
  #stages: Record<string, number> = {}
  #introduced = 0
  #turnedDown = 0
  #ended = 0

  constructor(options: Partial<SimulationOptions> = {}) {
    this.#options = { ...SIMULATION_DEFAULTS, ...options }
    this.world = new World({ seed: this.#options.seed })
    this.#company = new Company(() => this.world.env.now())
  }

  async run(report: (minute: Minute) => void = () => {}): Promise<Outcome> {
    const { clients, before, outage, after } = this.#options
    const { env, hub } = this.world
    for (let i = 0; i < clients; i++) env.timer((i * GATHERING) / clients, () => this.#come())
    const length = before + outage + after
    this.#churn(length * 60_000)
    env.timer(before * 60_000, () => {
      hub.stop()
      this.#company.judge()
    })
    env.timer((before + outage) * 60_000, () => hub.start())
    for (let minute = 1; minute <= length; minute++) {
      const measure = this.#measure(minute)
      await env.advance(60_000)
      const measured = measure()
      this.#minutes.push(measured)
      report(measured)
    }
    return this.#outcome()
  }

  /** Replaces clients evenly until `until`. Half of them leave without telling their peers. */
  #churn(until: number): void {
    const { clients, churn } = this.#options
    const { env } = this.world
    if (churn === 0) return
    const gap = 60_000 / (clients * churn)
    const next = () => {
      if (env.now() >= until) return
      this.#end(this.#pick(this.world.nodes))
      this.#come()
      env.timer(gap, next)
    }
    env.timer(GATHERING, next)
  }

  #pick(nodes: Node[]): Node {
    const { env } = this.world
    const node = nodes[Math.floor(env.random() * nodes.length)]
    if (node === undefined) throw new Error('no member is left')
    return node
  }

  #end(node: Node): void {
    this.#company.leave(node)
    if (this.#ended++ % 2 === 0) node.kill()
    else void node.close()
  }

  #come(): void {
    const { world } = this
    const newcomer = world.join({ exchange: true, limits: { maxPeers: this.#options.peers } })
    this.#company.join(newcomer)
    newcomer.swarm.on('stage', ({ stage, reason, count, signaling }) => {
      const name = `${stage} ${reason ?? signaling.slice(0, 8)}`
      this.#stages[name] = (this.#stages[name] ?? 0) + count
    })
    if (!world.hub.up) void this.#introduce(newcomer)
  }

  /** A newcomer knows one member and meets it by hand. If that one refuses, it tries another. */
  async #introduce(newcomer: Node): Promise<void> {
    const { env } = this.world
    const member = this.#pick(this.#company.members)
    if (member === newcomer || !this.world.nodes.includes(newcomer)) return
    try {
      await this.#meet(newcomer, member)
      this.#introduced++
    } catch {
      this.#turnedDown++
      env.timer(NEXT_MEMBER, () => void this.#introduce(newcomer))
    }
  }

  async #meet(newcomer: Node, member: Node): Promise<void> {
    const [mine, theirs] = [this.#manual(newcomer), this.#manual(member)]
    const invitation = mine.invitation(TOPIC, newcomer.announceId, await newcomer.swarm.invite(mine))
    const answer = await theirs.receive(invitation)
    if (answer !== undefined) await mine.receive(answer)
  }

  #manual(node: Node): ManualSignaling {
    const manual = this.#manuals.get(node) ?? new ManualSignaling(this.world.env)
    this.#manuals.set(node, manual)
    node.swarm.attach(manual)
    return manual
  }

  #measure(minute: number): () => Minute {
    const { hub, net, nodes } = this.world
    const at = performance.now()
    const tracker = hub.up
    const [announcements, offers, opened, messages] = [hub.heard.length, hub.offers, net.connected, net.sent]
    const [introduced, turnedDown] = [this.#introduced, this.#turnedDown]
    this.#stages = {}
    return () => {
      const { links, sizes } = this.#company.pieces()
      let forwarded = 0
      for (const node of nodes) {
        const passed = node.runtime.sharedTopics.exchange?.status().passedOn ?? 0
        forwarded += passed - (this.#forwarded.get(node) ?? 0)
        this.#forwarded.set(node, passed)
      }
      return {
        minute,
        tracker,
        clients: nodes.length,
        links,
        pieces: sizes,
        ...this.#company.loneliness(),
        opened: net.connected - opened,
        announcements: hub.heard.length - announcements,
        offers: hub.offers - offers,
        forwarded,
        messages: net.sent - messages,
        introduced: this.#introduced - introduced,
        turnedDown: this.#turnedDown - turnedDown,
        stages: this.#stages,
        took: performance.now() - at,
      }
    }
  }

  #outcome(): Outcome {
    const spells = this.#company.spells()
    const failures = spells
      .filter(({ alone, orphan }) => alone > ROUND && !orphan)
      .map(
        ({ alone, met, present }) =>
          `a member was alone for ${(alone / 1_000).toFixed(1)} s after ${met} peers in ${(present / 1_000).toFixed(1)} s`,
      )
    for (const { minute, pieces } of this.#minutes) {
      const [largest = 0] = pieces
      const all = pieces.reduce((sum, size) => sum + size, 0)
      if (largest < TOGETHER * all) failures.push(`after minute ${minute} the largest partition held ${largest} of ${all}`)
    }
    return { minutes: this.#minutes, spells, failures }
  }
}
