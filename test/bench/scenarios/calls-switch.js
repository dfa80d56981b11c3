// @ts-check
/** What a switch between camera, screen and another device costs. */
import { freshRoom, pause, turned, withCallLab } from '../call-lab.js'
import { progress } from '../processes.js'
import { beside, median, ms, percentile, sum, worst } from '../stats.js'

/** @typedef {import('../call-lab.js').CallPage} CallPage */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */

const GOAL_GAP = 200
const RECEIVERS = ['first', 'second', 'third', 'fourth']
const SWITCHES = 100
const KINDS = ['barcode', 'device', 'camera']
/** Milliseconds between two switches, and the window around each. */
const BETWEEN = 300
const WINDOW = { before: 50, after: 250 }

export const title = 'Calls: camera, screen and device, four Receivers'

/** @typedef {{ messages: number, gaps: number[], grown: number }} Figures */

/** @param {Options} options @returns {Promise<Result | []>} */
export function run({ slowRuns }) {
  return withCallLab(async lab => {
    const pages = { sender: await lab.page(), receiver: await lab.page() }
    /** @type {Record<string, Figures[]>} */
    const found = { swarmlink: [], bare: [] }
    for (let turn = 0; turn < slowRuns; turn++)
      for (const system of turned(Object.keys(found), turn)) {
        found[system]?.push(await switchInCall(pages, system))
        progress(`calls-switch: ${system}, ${turn + 1}/${slowRuns}`)
      }
    return {
      name: 'calls-switch',
      title,
      columns: [
        { title: 'system', align: 'left' },
        { title: 'switches' },
        { title: 'messages' },
        { title: 'gap, median' },
        { title: 'gap, p95' },
        { title: 'gap, worst' },
        { title: 'descriptions grew by, characters' },
      ],
      rows: Object.entries(found).map(([system, calls]) => {
        const isSwarmlink = system === 'swarmlink'
        const gaps = calls.flatMap(call => call.gaps)
        const [messages, most] = [sum(calls.map(call => call.messages)), percentile(gaps, 0.95)]
        const grown = worst(calls.map(call => call.grown))
        return [
          isSwarmlink ? system : 'minimal page',
          String(calls.length * SWITCHES),
          isSwarmlink ? beside(String(messages), messages, '≤', 0, '0') : '0',
          ms(median(gaps)),
          isSwarmlink ? beside(ms(most), most, '≤', GOAL_GAP, `${GOAL_GAP} ms`) : ms(most),
          ms(worst(gaps)),
          isSwarmlink ? beside(String(grown), grown, '≤', 0, '0') : String(grown),
        ]
      }),
      notes: [
        `Gap: the longest time between two pictures of a Receiver from ${WINDOW.before} ms before to ${WINDOW.after} ms after a switch. Every source has 30 frames a second.`,
        'Messages: on the bus, without the pings, and those of the control channels that are about a connection. The minimal page calls `replaceTrack`.',
      ],
      data: found,
    }
  })
}

/** @param {{ sender: CallPage, receiver: CallPage }} pages @param {string} system @returns {Promise<Figures>} */
async function switchInCall({ sender, receiver }, system) {
  const room = freshRoom()
  await sender.ask('prepare', { system, role: 'sender', room, source: 'camera' })
  await sender.ask('start')
  for (const end of RECEIVERS) {
    await receiver.ask('prepare', { system, role: 'receiver', room, end })
    await receiver.ask('start', { end })
    await receiver.ask('frames', { end, count: 15 })
  }
  for (const source of KINDS) await sender.ask('setStream', { source }) // opens the devices
  await pause(1_000)

  const signals = async () => (await sender.ask('signals')) + (await receiver.ask('signals'))
  const length = async () => sum(await sender.ask('descriptions'))
  const before = { signals: await signals(), length: await length() }
  const switchedAt = []
  for (let turn = 0; turn < SWITCHES; turn++) {
    switchedAt.push(await sender.ask('setStream', { source: KINDS[turn % KINDS.length] }))
    await pause(BETWEEN)
  }
  const messages = (await signals()) - before.signals
  const grown = (await length()) - before.length
  const gaps = []
  for (const end of RECEIVERS) {
    const times = await receiver.ask('times', { end })
    gaps.push(...switchedAt.map(at => gapAround(times, at)))
    await receiver.ask('stop', { end })
  }
  await sender.ask('stop')
  return { messages, gaps, grown }
}

/** @param {number[]} times @param {number} at */
function gapAround(times, at) {
  return Math.max(
    ...times.map((time, index) => {
      const last = times[index - 1] ?? time
      return time > at - WINDOW.before && last < at + WINDOW.after ? time - last : 0
    }),
  )
}
