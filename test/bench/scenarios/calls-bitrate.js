// @ts-check
/** Whether the bitrates that are asked for are sent. */
import { freshRoom, pause, turned, withCallLab } from '../call-lab.js'
import { progress } from '../processes.js'
import { median, number } from '../stats.js'

/** @typedef {import('../call-lab.js').CallPage} CallPage */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */

const SYSTEMS = ['swarmlink', 'bare']
const VIDEO = [100, 500, 2_000]
const AUDIO = [16, 32, 64]
/** Shares of the bitrate. */
const GOALS = { video: { least: 0.8, most: 1.05 }, audio: { least: 0, most: 1.1 } }
/** Milliseconds until the measurement, and of it. */
const SETTLE = 5_000
const WINDOW = 10_000

/** @typedef {{ system: string, kind: 'video' | 'audio', bitrate: number }} Call */

export const title = 'Calls: bitrates'

/** @param {Options} options @returns {Promise<Result | []>} */
export function run({ slowRuns }) {
  return withCallLab(async lab => {
    const pages = { sender: await lab.page(), receiver: await lab.page() }
    /** @type {Map<string, number[]>} */
    const found = new Map()
    for (let turn = 0; turn < slowRuns; turn++) {
      /** @type {Call[]} */
      const sounds = SYSTEMS.flatMap(system => AUDIO.map(bitrate => ({ system, kind: 'audio', bitrate })))
      /** @type {Call[][]} */
      const calls = VIDEO.flatMap(bitrate =>
        turned(SYSTEMS, turn).map(system => [/** @type {const} */ ({ system, kind: 'video', bitrate })]),
      )
      for (const together of [sounds, ...calls]) {
        const bitrates = await bitratesOf(pages, together)
        for (const [at, call] of together.entries()) {
          const key = keyOf(call)
          found.set(key, [...(found.get(key) ?? []), bitrates[at] ?? NaN])
          progress(`calls-bitrate: ${key} kbit/s, ${turn + 1}/${slowRuns}: ${number(bitrates[at] ?? NaN)}`)
        }
      }
    }
    return {
      name: 'calls-bitrate',
      title,
      columns: [
        { title: 'media', align: 'left' },
        { title: 'asked for, kbit/s' },
        { title: 'runs' },
        { title: 'swarmlink sends' },
        { title: 'minimal page sends' },
      ],
      rows: /** @type {const} */ (['video', 'audio']).flatMap(kind =>
        (kind === 'video' ? VIDEO : AUDIO).map(bitrate => {
          const [ours = [], bare = []] = SYSTEMS.map(system => found.get(keyOf({ system, kind, bitrate })))
          const { least, most } = GOALS[kind]
          const [low, high] = [Math.min(...ours) / bitrate, Math.max(...ours) / bitrate]
          const goal = least === 0 ? `≤ ${number(100 * most)} %` : `${number(100 * least)}–${number(100 * most)} %`
          const met = low >= least && high <= most ? 'met' : 'missed'
          const share = (/** @type {number[]} */ values) => `${number((100 * median(values)) / bitrate)} %`
          return [kind, String(bitrate), String(ours.length), `${share(ours)} (${met}: ${goal})`, share(bare)]
        }),
      ),
      notes: [
        `Payload from ${SETTLE / 1000} s after the first connection on, for ${WINDOW / 1000} s. Video: noise, 640×480, 30 frames a second. Audio: white noise, six calls at once.`,
      ],
      data: Object.fromEntries(found),
    }
  })
}

/** @param {Call} call */
function keyOf({ system, kind, bitrate }) {
  return `${system} ${kind} ${bitrate}`
}

/** Kilobits per second of calls at the same time. @param {{ sender: CallPage, receiver: CallPage }} pages @param {Call[]} calls */
async function bitratesOf({ sender, receiver }, calls) {
  for (const call of calls) {
    const { system, kind, bitrate } = call
    const [end, room] = [keyOf(call), freshRoom()]
    const [source, option] = kind === 'video' ? ['noise', 'videoBitrate'] : ['hiss', 'audioBitrate']
    await sender.ask('prepare', { end, system, role: 'sender', room, source, options: { [option]: bitrate } })
    await receiver.ask('prepare', { end, system, role: 'receiver', room })
    await sender.ask('start', { end })
    await receiver.ask('start', { end })
  }
  await pause(SETTLE)
  const sent = () => Promise.all(calls.map(call => sender.ask('sent', { end: keyOf(call), kind: call.kind })))
  const before = await sent()
  await pause(WINDOW)
  const after = await sent()
  for (const call of calls) await Promise.all([sender, receiver].map(page => page.ask('stop', { end: keyOf(call) })))
  return after.map(({ bytes, at }, index) => (8 * (bytes - before[index].bytes)) / (at - before[index].at))
}
