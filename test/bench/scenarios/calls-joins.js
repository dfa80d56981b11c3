// @ts-check
/** What 200 joins and leaves of a Receiver leave behind. */
import { freshRoom, orHang, pause, withCallLab } from '../call-lab.js'
import { progress } from '../processes.js'
import { beside, number } from '../stats.js'

/** @typedef {import('../types.js').Result} Result */

const JOINS = 200
/** Joins before the first look at the heap. */
const WARM = 20
/** In mebibytes. */
const GOAL_GROWTH = 1

export const title = 'Calls: 200 joins and leaves'

/** @returns {Promise<Result | []>} */
export function run() {
  return withCallLab(async lab => {
    const data = []
    const rows = []
    for (const system of ['swarmlink', 'bare']) {
      const [sender, receiver] = [await lab.page(), await lab.page()]
      const room = freshRoom()
      let hangs = 0
      /** @param {number} count */
      const join = async count => {
        for (let turn = 0; turn < count; turn++) {
          await receiver.ask('prepare', { system, role: 'receiver', room })
          await receiver.ask('start')
          if ((await orHang(receiver.ask('frames'))) === Infinity) hangs++
          await receiver.ask('stop')
          if (turn % 50 === 49) progress(`calls-joins: ${system}, ${turn + 1}/${count}`)
        }
        await pause(2_000)
      }
      await sender.ask('prepare', { system, role: 'sender', room, source: 'camera' })
      await sender.ask('start')
      await join(WARM)
      const before = [await sender.heap(), await receiver.heap()]
      await join(JOINS)
      const after = [await sender.heap(), await receiver.heap()]
      const left = (await sender.ask('connections')) + (await receiver.ask('connections'))
      await Promise.all([sender.page.close(), receiver.page.close()])

      const growth = after.map((bytes, at) => (bytes - (before[at] ?? 0)) / 2 ** 20)
      const isSwarmlink = system === 'swarmlink'
      rows.push([
        isSwarmlink ? system : 'minimal page',
        ...growth.map((mebibytes, at) => {
          const text = `${number((before[at] ?? 0) / 2 ** 20, 2)} → ${number((after[at] ?? 0) / 2 ** 20, 2)} MiB`
          return isSwarmlink ? beside(text, mebibytes, '≤', GOAL_GROWTH, `+ ${GOAL_GROWTH} MiB`) : text
        }),
        isSwarmlink ? beside(String(left), left, '≤', 0, '0') : String(left),
        isSwarmlink ? beside(String(hangs), hangs, '≤', 0, '0') : String(hangs),
      ])
      data.push({ system, before, after, left, hangs })
    }
    return {
      name: 'calls-joins',
      title,
      columns: [
        { title: 'system', align: 'left' },
        { title: 'heap, page of the Sender' },
        { title: 'heap, page of the Receivers' },
        { title: 'connections left' },
        { title: 'hangs' },
      ],
      rows,
      notes: [
        `JavaScript heaps after a collection, before and after ${JOINS} Receivers that each got a picture; ${WARM} were there before.`,
      ],
      data,
    }
  })
}
