// @ts-check
/** How long the first picture of a call takes. */
import { freshRoom, LIMIT, orHang, pause, turned, withCallLab } from '../call-lab.js'
import { withLab } from '../harness.js'
import { progress } from '../processes.js'
import { beside, median, ms, percentile, worst } from '../stats.js'
import { callSystems, isThere, labelled } from '../systems.js'

/** @typedef {import('../call-lab.js').CallLab} CallLab */
/** @typedef {import('../call-lab.js').CallPage} CallPage */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */

const GOALS = { above: 30, percentile: 800 }
/** Which end comes second. */
const CASES = [
  { second: 'sender', first: 'receiver', text: 'the Sender comes second' },
  { second: 'receiver', first: 'sender', text: 'the Receiver comes second' },
]

/** In milliseconds. Ends of swarmlink close at most half a second after `stop()`, the others at once. */
const CLOSING = 700
/** A page of Chromium shows the first picture later with each call that it had before: three times later after 50 turns, in every system. */
const TURNS_OF_A_PAGE = 5

export const title = 'Calls: first frame'

/** @param {Options} options @returns {Promise<Result | []>} */
export function run({ callRuns }) {
  return withCallLab(async lab => {
    const systems = callSystems.filter(isThere)
    for (const { label } of callSystems.filter(system => !isThere(system))) progress(`${label} is left out: it is not installed`)
    /** @type {Map<string, number[]>} */
    const times = new Map()
    /** @param {string} key @param {number} time */
    const note = (key, time) => times.set(key, [...(times.get(key) ?? []), time])

    const open = async () => {
      const opened = { sender: await lab.page(), receiver: await lab.page() }
      for (const system of systems) await firstFrame(opened, system.name, CASES[0]) // loads the code
      return opened
    }
    let pages = await open()
    for (let turn = 0; turn < callRuns; turn++) {
      if (turn > 0 && turn % TURNS_OF_A_PAGE === 0) {
        await Promise.all([pages.sender.page.close(), pages.receiver.page.close()])
        pages = await open()
      }
      for (const system of turned(systems, turn))
        for (const order of CASES) note(`${system.name} ${order.second}`, await firstFrame(pages, system.name, order))
      const middles = systems.map(({ name }) => `${name} ${ms(median(times.get(`${name} receiver`) ?? []))}`)
      progress(`calls-first-frame: page to page, ${turn + 1}/${callRuns}: ${middles.join(', ')}`)
    }
    for (const role of ['sender', 'receiver'])
      for (let turn = 0; turn < callRuns; turn++) {
        note(`node ${role}`, await withProcess(lab, pages, role))
        progress(`calls-first-frame: Node is the ${role}, ${turn + 1}/${callRuns}`)
      }

    const rows = systems.flatMap(system =>
      CASES.map(({ second, text }) => {
        const bare = times.get(`bare ${second}`) ?? []
        return row(labelled(system), text, times.get(`${system.name} ${second}`), bare, system.name === 'swarmlink')
      }),
    )
    rows.push(row('swarmlink', 'Node to page, the page comes second', times.get('node sender')))
    rows.push(row('swarmlink', 'page to Node, Node comes second', times.get('node receiver')))
    return {
      name: 'calls-first-frame',
      title,
      columns: [
        { title: 'system', align: 'left' },
        { title: 'case', align: 'left' },
        { title: 'runs' },
        { title: 'median' },
        { title: 'above the minimal page' },
        { title: 'p95' },
        { title: 'worst' },
        { title: 'hangs' },
      ],
      rows,
      notes: [
        'Above the minimal page: the median of the differences within each run.',
        'From `start()` of the end that comes second to the first `requestVideoFrameCallback`, 640×480. The pages are loaded, and have had one call.',
        `A run without a picture after ${LIMIT / 1000} s is a hang. PeerJS is connected to its server before; the others meet over a BroadcastChannel.`,
      ],
      data: Object.fromEntries(times),
    }
  })
}

/** @param {string} label @param {string} text @param {number[]} [times] @param {number[]} [bare] @param {boolean} [hasGoal] */
function row(label, text, times = [], bare = [], hasGoal = false) {
  const [middle, most, above] = [median(times), percentile(times, 0.95), median(differences(times, bare))]
  return [
    label,
    text,
    String(times.length),
    hasGoal ? beside(ms(middle), middle, '≤', median(bare) + GOALS.above, `bare + ${GOALS.above} ms`) : ms(middle),
    ms(above),
    hasGoal ? beside(ms(most), most, '≤', GOALS.percentile, `${GOALS.percentile} ms`) : ms(most),
    ms(worst(times)),
    String(times.filter(time => time === Infinity).length),
  ]
}

/** A machine that is busy for a while slows both calls of a run. @param {number[]} times @param {number[]} bare */
function differences(times, bare) {
  return bare.map((time, at) => (times[at] ?? NaN) - time)
}

/**
 * @param {{ sender: CallPage, receiver: CallPage }} pages
 * @param {string} system
 * @param {{ first: string, second: string } | undefined} order
 */
async function firstFrame({ sender, receiver }, system, order) {
  const room = freshRoom()
  const pages = /** @type {Record<string, CallPage>} */ ({ sender, receiver })
  await Promise.all(Object.entries(pages).map(([role, page]) => page.ask('prepare', { system, role, room })))
  await pages[order?.first ?? '']?.ask('start')
  await pause(50) // what the first end tells the empty room is over
  const startedAt = await pages[order?.second ?? '']?.ask('start')
  const time = await orHang(receiver.ask('frames').then(at => at - startedAt))
  await Promise.all([receiver.ask('stop'), sender.ask('stop')])
  await pause(CLOSING) // closing takes processor time, which the next call would pay for
  return time
}

/** The other end is a page. @param {CallLab} lab @param {{ sender: CallPage, receiver: CallPage }} pages @param {string} role that of the process */
function withProcess(lab, pages, role) {
  const room = freshRoom()
  const other = role === 'sender' ? 'receiver' : 'sender'
  const page = pages[other]
  return withLab(async processes => {
    const child = await processes.process('clients/call-process.js', { role, room, busUrl: lab.bus })
    await page.ask('prepare', { system: 'swarmlink', role: other, room, options: { busUrl: lab.bus } })
    const start = () => child.ask('start', LIMIT).then(Number)
    if (role === 'receiver') await page.ask('start')
    else await start()
    await pause(50)
    const startedAt = role === 'receiver' ? await start() : await page.ask('start')
    const shown = role === 'receiver' ? child.ask('frame', 2 * LIMIT).then(Number) : page.ask('frames')
    const time = await orHang(shown.then(at => at - startedAt))
    await page.ask('stop')
    return time
  })
}
