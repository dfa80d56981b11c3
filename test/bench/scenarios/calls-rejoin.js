// @ts-check
/** The first picture for an end that was there before, and for one that comes late; and when the tile of an end that left is gone. */
import { freshRoom, orHang, pause, turned, withCallLab } from '../call-lab.js'
import { progress } from '../processes.js'
import { beside, median, ms, percentile, worst } from '../stats.js'

/** @typedef {import('../call-lab.js').CallPage} CallPage */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */

const GOALS = { above: 50, gone: 1_000 }
const CASES = {
  join: 'first frame: the Receiver joins',
  rejoin: 'first frame: the page of the Receiver is reloaded',
  senderRejoin: 'first frame: the page of the Sender is reloaded',
  late: 'first frame: a fourth Receiver joins',
  receiverGone: 'the Receiver of the reloaded page is gone',
  senderGone: 'the tile of the reloaded Sender is gone',
}

export const title = 'Calls: rejoin and late joiner'

/** @param {Options} options @returns {Promise<Result | []>} */
export function run({ callRuns }) {
  return withCallLab(async lab => {
    const pages = { sender: await lab.page(), receiver: await lab.page() }
    /** @type {Record<string, Record<string, number[]>>} */
    const times = { swarmlink: {}, bare: {} }
    for (let turn = 0; turn < callRuns; turn++) {
      for (const system of turned(Object.keys(times), turn))
        for (const [name, time] of Object.entries(await rejoin(pages, system))) ((times[system] ??= {})[name] ??= []).push(time)
      progress(`calls-rejoin: ${turn + 1}/${callRuns}`)
    }
    const first = median(times['swarmlink']?.['join'] ?? [])
    return {
      name: 'calls-rejoin',
      title,
      columns: [
        { title: 'system', align: 'left' },
        { title: 'case', align: 'left' },
        { title: 'runs' },
        { title: 'median' },
        { title: 'p95' },
        { title: 'worst' },
      ],
      rows: Object.entries(times).flatMap(([system, cases]) =>
        Object.entries(CASES).flatMap(([name, text]) => {
          const values = cases[name] ?? []
          if (values.length === 0) return []
          const [middle, most] = [median(values), worst(values)]
          const isGone = name.endsWith('Gone')
          const hasGoal = system === 'swarmlink' && name !== 'join' && !isGone
          return [
            [
              system === 'bare' ? 'minimal page' : system,
              text,
              String(values.length),
              hasGoal ? beside(ms(middle), middle, '≤', first + GOALS.above, `join + ${GOALS.above} ms`) : ms(middle),
              ms(percentile(values, 0.95)),
              isGone ? beside(ms(most), most, '≤', GOALS.gone, `${GOALS.gone} ms`) : ms(most),
            ],
          ]
        }),
      ),
      notes: [
        'First frame: from `start()` to the first `requestVideoFrameCallback`, in a page that was just loaded. Gone: from `pagehide` to `dispose` at the other end.',
        'The minimal page does not notice that an end has left.',
      ],
      data: times,
    }
  })
}

/** @param {{ sender: CallPage, receiver: CallPage }} pages @param {string} system */
async function rejoin({ sender, receiver }, system) {
  const room = freshRoom()
  const prepare = (/** @type {CallPage} */ page, /** @type {string} */ role, end = 'it') =>
    page.ask('prepare', { system, role, room, end })
  /** @param {CallPage} page the one that starts @param {string} end the one that shows the picture */
  const firstFrame = async (page, end = 'it') => {
    const shown = await receiver.ask('shown', { end })
    const startedAt = await page.ask('start', page === receiver ? { end } : {})
    return await orHang(receiver.ask('frames', { end, count: shown + 1 }).then(at => at - startedAt))
  }
  await Promise.all([sender.load(), receiver.load()])
  await Promise.all([prepare(sender, 'sender'), prepare(receiver, 'receiver')])
  await sender.ask('start')
  await pause(50)
  /** @type {Record<string, number>} */
  const times = { join: await firstFrame(receiver) }
  await pause(1_000)

  await receiver.load()
  await prepare(receiver, 'receiver')
  times['rejoin'] = await firstFrame(receiver)
  if (system === 'swarmlink') times['receiverGone'] = await gone(sender, receiver)
  await pause(1_000)

  await sender.load()
  await prepare(sender, 'sender')
  times['senderRejoin'] = await firstFrame(sender)
  if (system === 'swarmlink') times['senderGone'] = await gone(receiver, sender)

  for (const end of ['second', 'third']) {
    await prepare(receiver, 'receiver', end)
    await firstFrame(receiver, end)
  }
  await prepare(receiver, 'receiver', 'fourth')
  times['late'] = await firstFrame(receiver, 'fourth')
  return times
}

/** When the one page noticed that the other one was left. @param {CallPage} page @param {CallPage} other */
function gone(page, other) {
  const noticed = async () => {
    for (;;) {
      const [at] = await page.ask('left')
      if (at !== undefined) return at - (await other.ask('leftPage'))
      await pause(20)
    }
  }
  return orHang(noticed())
}
