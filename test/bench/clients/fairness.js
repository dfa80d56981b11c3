// @ts-check
/** One end of a bare connection with many channels: some send as fast as they can, one sends little now and then. */
import { now } from '../child.js'
import { serve } from './client.js'
import { engineModule } from './messages-engine.js'

/** @typedef {import('../../../src/engine/engine.js').EngineChannel} EngineChannel */
/** @typedef {import('../types.js').FairnessCount} FairnessCount */
/** @typedef {import('../types.js').FairnessTask} FairnessTask */

const HIGH = 1024 * 1024
const PIECE = new Uint8Array(64 * 1024)
/** Bytes of a small message: its send time in the first eight, then padding. */
const SMALL = 100
const GATHER_TIMEOUT = 1_000

/** Internal modules of the build, which the package does not export. @param {string} path */
const built = path => import(new URL(`../../../dist/${path}`, import.meta.url).href)

serve(async (_options, report) => {
  const { recognizeEngine } = /** @type {typeof import('../../../src/engine/load-engine-node.js')} */ (
    await built('engine/load-engine-node.js')
  )
  const { systemEnv: env } = /** @type {typeof import('../../../src/core/env.js')} */ (await built('core/env.js'))
  const { ChannelScheduler } = /** @type {typeof import('../../../src/peer/channel-scheduler.js')} */ (
    await built('peer/channel-scheduler.js')
  )
  const implementation = /** @type {any} */ (await engineModule('node-datachannel')) // has the expected shape
  const engine = await recognizeEngine(implementation, 'option')
  const connection = engine.createConnection({
    rtcConfig: { iceServers: [] },
    gatherTimeout: GATHER_TIMEOUT,
    env,
  })
  const turns = new ChannelScheduler()
  /** @type {EngineChannel[]} */
  const channels = []
  let opened = 0
  /** @type {Map<string, number>} */
  const bytes = new Map()
  /** @type {number[]} */
  let times = []
  let since = now()

  connection.on('channel', channel => {
    opened++
    if (opened === 1) report.linked('fairness')
    channel.on('message', message => {
      if (typeof message === 'string') return
      if (message.length === SMALL) times.push(now() - new DataView(message.buffer, message.byteOffset).getFloat64(0))
      else bytes.set(channel.label, (bytes.get(channel.label) ?? 0) + message.length)
    })
  })

  /** @param {number} count @param {boolean} inTurns */
  const open = (count, inTurns) => {
    for (let index = 0; index < count; index++) {
      const channel = connection.createChannel(`swarmlink:${index}`)
      const used = inTurns ? turns.share(channel) : channel
      used.on('open', () => {
        if (++opened === count) report.linked('fairness')
      })
      channels.push(used)
    }
  }

  /** Sends like a torrent's wire. @param {EngineChannel} channel */
  const sendMuch = channel => {
    const fill = () => {
      while (channel.state === 'open' && channel.bufferedAmount <= HIGH) channel.send(PIECE)
    }
    channel.on('drain', fill)
    fill()
  }

  /** @param {EngineChannel} channel @param {number} gap */
  const sendLittle = (channel, gap) =>
    setInterval(() => {
      const message = new Uint8Array(SMALL)
      new DataView(message.buffer).setFloat64(0, now())
      if (channel.state === 'open') channel.send(message)
    }, gap)

  /** @returns {FairnessCount} */
  const count = () => {
    const counted = { ms: now() - since, bytes: [...bytes.values()], times }
    bytes.clear()
    times = []
    since = now()
    return counted
  }

  return {
    start: () => {},
    stop: () => connection.close(),
    ask: async given => {
      const task = /** @type {FairnessTask} */ (given)
      switch (task.name) {
        case 'offer':
          open(task.busy + 1, task.inTurns)
          return await connection.createOffer()
        case 'answer':
          return await connection.createAnswer(task.sdp)
        case 'accept':
          return await connection.acceptAnswer(task.sdp)
        case 'send': {
          const [small, ...busy] = channels
          for (const channel of busy) sendMuch(channel)
          if (small !== undefined && task.gap > 0) sendLittle(small, task.gap)
          return undefined
        }
        case 'count':
          return count()
      }
    },
  }
})
