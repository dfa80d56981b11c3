// @ts-check
/** Messages beside video. */
import { freshRoom, pause, turned, withCallLab } from '../call-lab.js'
import { progress } from '../processes.js'
import { beside, median, ms, sum } from '../stats.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */

const MESSAGES = 10_000
/** In milliseconds. */
const LIMIT = 60_000

export const title = 'Calls: messages beside video'

/** @param {Options} options @returns {Promise<Result | []>} */
export function run({ slowRuns }) {
  return withCallLab(async lab => {
    const [sender, receiver] = [await lab.page(), await lab.page()]
    /** @type {Record<string, { lost: number, misplaced: number, time: number }[]>} */
    const found = { swarmlink: [], bare: [] }
    for (let turn = 0; turn < slowRuns; turn++)
      for (const system of turned(Object.keys(found), turn)) {
        const room = freshRoom()
        await sender.ask('prepare', { system, role: 'sender', room, options: { hasMessages: true } })
        await receiver.ask('prepare', { system, role: 'receiver', room })
        await sender.ask('start')
        await receiver.ask('start')
        await receiver.ask('frames', { count: 30 })

        const startedAt = await sender.ask('flood', { count: MESSAGES })
        let heard = await receiver.ask('heard')
        for (const end = Date.now() + LIMIT; heard.count < MESSAGES && Date.now() < end; heard = await receiver.ask('heard'))
          await pause(50)
        const time = heard.at - startedAt
        found[system]?.push({ lost: MESSAGES - heard.count, misplaced: heard.misplaced, time })
        progress(`calls-messages: ${system}, ${turn + 1}/${slowRuns}: ${ms(time)}`)
        await Promise.all([receiver.ask('stop'), sender.ask('stop')])
      }
    return {
      name: 'calls-messages',
      title,
      columns: [
        { title: 'system', align: 'left' },
        { title: 'runs' },
        { title: 'lost' },
        { title: 'out of order' },
        { title: 'time, median' },
      ],
      rows: Object.entries(found).map(([system, values]) => {
        const [lost, misplaced] = [sum(values.map(value => value.lost)), sum(values.map(value => value.misplaced))]
        const isSwarmlink = system === 'swarmlink'
        return [
          isSwarmlink ? system : 'minimal page',
          String(values.length),
          isSwarmlink ? beside(String(lost), lost, '≤', 0, '0') : String(lost),
          isSwarmlink ? beside(String(misplaced), misplaced, '≤', 0, '0') : String(misplaced),
          ms(median(values.map(value => value.time))),
        ]
      }),
      notes: [
        `${MESSAGES} messages of about 100 bytes from the Sender, as fast as \`send\` and \`drain\` allow. The minimal page keeps the buffer of its channel below 1 MiB.`,
      ],
      data: found,
    }
  })
}
