// @ts-check
/** Counts the frames that a Sender encodes while its video is muted or not wanted. */
import { freshRoom, pause, turned, withCallLab } from '../call-lab.js'
import { progress } from '../processes.js'
import { beside, median, ms, number, worst } from '../stats.js'

/** @typedef {import('../call-lab.js').CallPage} CallPage */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */

const GOALS = { frames: 0, kilobits: 5 }
/** Milliseconds until a switch has reached the encoder, and of the measurement. */
const SETTLE = 500
const WINDOW = 5_000

/** @type {{ name: string, text: string, systems: string[], set: (pages: { sender: CallPage, receiver: CallPage }, on: boolean) => Promise<unknown> }[]} */
const CASES = [
  { name: 'mute', text: 'muted', systems: ['swarmlink', 'bare'], set: ({ sender }, on) => sender.ask('enable', { on }) },
  {
    name: 'off',
    text: "`want('off')`",
    systems: ['swarmlink'],
    set: ({ receiver }, on) => receiver.ask('want', { demand: on ? 'high' : 'off' }),
  },
]

export const title = 'Calls: muted'

/** @param {Options} options @returns {Promise<Result | []>} */
export function run({ slowRuns }) {
  return withCallLab(async lab => {
    const pages = { sender: await lab.page(), receiver: await lab.page() }
    const { sender, receiver } = pages
    /** @type {Map<string, { frames: number, kilobits: number, back: number }[]>} */
    const found = new Map()
    for (let turn = 0; turn < slowRuns; turn++) {
      for (const system of turned(['swarmlink', 'bare'], turn)) {
        const room = freshRoom()
        await sender.ask('prepare', { system, role: 'sender', room, source: 'camera' })
        await receiver.ask('prepare', { system, role: 'receiver', room })
        await sender.ask('start')
        await receiver.ask('start')
        await receiver.ask('frames', { count: 30 })
        for (const { name, systems, set } of CASES) {
          if (!systems.includes(system)) continue
          await set(pages, false)
          await pause(SETTLE)
          const before = await sender.ask('sent')
          await pause(WINDOW)
          const after = await sender.ask('sent')
          const shown = await receiver.ask('shown')
          const at = Date.now()
          await set(pages, true)
          const back = (await receiver.ask('frames', { count: shown + 1 })) - at
          const kilobits = (8 * (after.bytes - before.bytes)) / (after.at - before.at)
          const key = `${system} ${name}`
          found.set(key, [...(found.get(key) ?? []), { frames: after.frames - before.frames, kilobits, back }])
        }
        await Promise.all([receiver.ask('stop'), sender.ask('stop')])
      }
      progress(`calls-mute: ${turn + 1}/${slowRuns}`)
    }
    return {
      name: 'calls-mute',
      title,
      columns: [
        { title: 'system', align: 'left' },
        { title: 'video is', align: 'left' },
        { title: 'runs' },
        { title: `frames in ${WINDOW / 1000} s` },
        { title: 'kbit/s' },
        { title: 'picture after it is sent again' },
      ],
      rows: CASES.flatMap(({ name, text, systems }) =>
        systems.map(system => {
          const values = found.get(`${system} ${name}`) ?? []
          const [frames, kilobits] = [worst(values.map(value => value.frames)), worst(values.map(value => value.kilobits))]
          const isSwarmlink = system === 'swarmlink'
          return [
            isSwarmlink ? system : 'minimal page',
            text,
            String(values.length),
            isSwarmlink ? beside(String(frames), frames, '≤', GOALS.frames, '0') : String(frames),
            isSwarmlink ? beside(number(kilobits, 1), kilobits, '≤', GOALS.kilobits, `${GOALS.kilobits}`) : number(kilobits, 1),
            ms(median(values.map(value => value.back))),
          ]
        }),
      ),
      notes: ['The worst run. The minimal page sets `enabled` of the track to false.'],
      data: Object.fromEntries(found),
    }
  })
}
