// @ts-check
/** How old a picture is when it is shown. */
import { freshRoom, turned, withCallLab } from '../call-lab.js'
import { progress } from '../processes.js'
import { beside, median, ms, percentile } from '../stats.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */

const GOAL_ABOVE = 10
/** The first pictures of a call wait for its encoder. */
const SKIPPED = 15
const FRAMES = 45

export const title = 'Calls: glass to glass'

/** @param {Options} options @returns {Promise<Result | []>} */
export function run({ callRuns }) {
  return withCallLab(async lab => {
    const [sender, receiver] = [await lab.page(), await lab.page()]
    /** @type {Record<string, number[]>} */
    const delays = { swarmlink: [], bare: [] }
    for (let turn = 0; turn < callRuns; turn++) {
      for (const system of turned(Object.keys(delays), turn)) {
        const room = freshRoom()
        await sender.ask('prepare', { system, role: 'sender', room })
        await receiver.ask('prepare', { system, role: 'receiver', room, isRead: true })
        await sender.ask('start')
        await receiver.ask('start')
        await receiver.ask('frames', { count: FRAMES })
        delays[system]?.push(median((await receiver.ask('delays')).slice(SKIPPED)))
        await Promise.all([receiver.ask('stop'), sender.ask('stop')])
      }
      progress(`calls-delay: ${turn + 1}/${callRuns}`)
    }
    const { swarmlink = [], bare = [] } = delays
    const [ours, goal] = [median(swarmlink), median(bare) + GOAL_ABOVE]
    return {
      name: 'calls-delay',
      title,
      columns: [{ title: 'system', align: 'left' }, { title: 'runs' }, { title: 'median' }, { title: 'p95' }],
      rows: [
        [
          'swarmlink',
          String(swarmlink.length),
          beside(ms(ours), ours, '≤', goal, `bare + ${GOAL_ABOVE} ms`),
          ms(percentile(swarmlink, 0.95)),
        ],
        ['minimal page', String(bare.length), ms(median(bare)), ms(percentile(bare, 0.95))],
      ],
      notes: [
        `From drawing a picture, which has the time as a barcode, to reading it in the other page: of each run the median of ${FRAMES - SKIPPED} pictures.`,
      ],
      data: delays,
    }
  })
}
