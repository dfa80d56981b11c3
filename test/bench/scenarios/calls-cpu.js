// @ts-check
/** What one encoder for each Receiver costs, and what of it is the library. */
import { freshRoom, pause, turned, withCallLab } from '../call-lab.js'
import { progress } from '../processes.js'
import { beside, median, number, sum } from '../stats.js'

/** @typedef {import('../call-lab.js').CallLab} CallLab */
/** @typedef {import('../call-lab.js').CallPage} CallPage */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */

const RECEIVERS = [1, 2, 4, 8]
/** Share of a core. */
const GOAL_LIBRARY = 0.02
/** Milliseconds until the encoders are at their bitrate, and of each measurement. */
const SETTLE = 3_000
const WINDOW = 10_000

/** @typedef {{ cpu: number, page: number, frames: number, atSender: number, atReceiver: number }} Cost */

export const title = 'Calls: processor time by the number of Receivers'

/** @param {Options} options @returns {Promise<Result | []>} */
export function run({ slowRuns }) {
  return withCallLab(async lab => {
    const pages = { sender: await lab.page(), receiver: await lab.page() }
    /** @type {Map<string, Cost[]>} */
    const found = new Map()
    for (let turn = 0; turn < slowRuns; turn++)
      for (const receivers of RECEIVERS)
        for (const system of turned(['swarmlink', 'bare'], turn)) {
          const cost = await costOf(lab, pages, { system, receivers })
          const key = `${system} ${receivers}`
          found.set(key, [...(found.get(key) ?? []), cost])
          progress(`calls-cpu: ${system}, ${receivers} Receivers, ${turn + 1}/${slowRuns}: ${percent(cost.cpu, 0)} of a core`)
        }
    return {
      name: 'calls-cpu',
      title,
      columns: [
        { title: 'Receivers' },
        { title: 'runs' },
        { title: 'both ends' },
        { title: 'minimal page' },
        { title: 'Sender alone' },
        { title: 'minimal page' },
        { title: 'frames/s' },
        { title: 'minimal page' },
        { title: 'library at the Sender' },
        { title: 'library at the Receivers' },
      ],
      rows: RECEIVERS.map(receivers => {
        const [ours = [], bare = []] = ['swarmlink', 'bare'].map(system => found.get(`${system} ${receivers}`))
        const middle = (/** @type {Cost[]} */ costs, /** @type {keyof Cost} */ name) => median(costs.map(cost => cost[name]))
        const atSender = middle(ours, 'atSender')
        return [
          String(receivers),
          String(ours.length),
          percent(middle(ours, 'cpu'), 0),
          percent(middle(bare, 'cpu'), 0),
          percent(middle(ours, 'page'), 0),
          percent(middle(bare, 'page'), 0),
          number(middle(ours, 'frames'), 1),
          number(middle(bare, 'frames'), 1),
          beside(percent(atSender, 2), atSender, '≤', GOAL_LIBRARY, percent(GOAL_LIBRARY, 0)),
          percent(middle(ours, 'atReceiver'), 2),
        ]
      }),
      notes: [
        `Share of one core in ${WINDOW / 1000} s. One page sends a fake camera, 640×480 with 30 frames a second, to another page with all Receivers, which decodes and shows each stream. Both ends: all processes of the browser. Sender alone: the process of its page, which encodes.`,
        'Library: its code on the main thread of the page, and what that calls, by the profiler of the browser. Statistics are on (`quality`).',
      ],
      data: Object.fromEntries(found),
    }
  })
}

/** @param {number} share @param {number} digits */
function percent(share, digits) {
  return `${number(100 * share, digits)} %`
}

/**
 * @param {CallLab} lab
 * @param {{ sender: CallPage, receiver: CallPage }} pages
 * @param {{ system: string, receivers: number }} options
 * @returns {Promise<Cost>}
 */
async function costOf(lab, { sender, receiver }, { system, receivers }) {
  const room = freshRoom()
  const ends = Array.from({ length: receivers }, (_, at) => `receiver ${at}`)
  await sender.ask('prepare', { system, role: 'sender', room, source: 'camera' })
  await sender.ask('monitor')
  await sender.ask('start')
  for (const end of ends) {
    await receiver.ask('prepare', { system, role: 'receiver', room, end })
    await receiver.ask('monitor', { end })
    await receiver.ask('start', { end })
    await receiver.ask('frames', { end, count: 1 })
  }
  await pause(SETTLE)
  const shown = async () =>
    (await Promise.all(ends.map(end => receiver.ask('shown', { end })))).reduce((total, one) => total + one, 0)

  const before = { at: performance.now(), cpu: await lab.processorTimes(), frames: await shown() }
  await pause(WINDOW)
  const after = { at: performance.now(), cpu: await lab.processorTimes(), frames: await shown() }
  const seconds = (after.at - before.at) / 1000
  let [atSender, atReceiver] = [0, 0]
  if (system === 'swarmlink') {
    atSender = (await sender.timeIn(lab.library, () => pause(WINDOW))) / (WINDOW / 1000)
    atReceiver = (await receiver.timeIn(lab.library, () => pause(WINDOW))) / (WINDOW / 1000)
  }
  for (const end of ends) await receiver.ask('stop', { end })
  await sender.ask('stop')
  await pause(500)
  const frames = (after.frames - before.frames) / receivers / seconds
  /** @param {number} id */
  const used = id => ((after.cpu.get(id) ?? 0) - (before.cpu.get(id) ?? 0)) / seconds
  const cpu = sum([...after.cpu.keys()].map(used))
  const page = used(await lab.processOf(sender))
  return { cpu, page, frames, atSender, atReceiver }
}
