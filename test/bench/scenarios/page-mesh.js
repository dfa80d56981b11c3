// @ts-check
/** How long pages of one browser that join at once take until each is connected to all others. */
import { installed } from '../browsers.js'
import { withLab } from '../harness.js'
import { callPage, servePages } from '../pages.js'
import { freshTopic } from '../payload.js'
import { progress } from '../processes.js'
import { beside, median, ms, number, sum, worst } from '../stats.js'
import { labelledInPages } from '../systems.js'
import { takeTurns } from '../turns.js'

/** @typedef {import('../browsers.js').Browser} Browser */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {{ first: number, full: number, links: number }} Run milliseconds to the median page's first connection, and to all */

const PAGES = 8
const GOAL = 600
/** From the moment at which the pages hear when to join. */
const HEAD_START = 300

export const title = `Full mesh of ${PAGES} pages of one browser, all join at once`

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, slowRuns, limit }) {
  const site = await servePages()
  const lines = []
  try {
    for (const { name, start } of installed('page-mesh')) {
      const own = systems.map(system => ({ browser: name, system, turns: slowRuns, runs: /** @type {Run[]} */ ([]) }))
      lines.push(...own)
      let started = await start()
      await takeTurns(own, async ({ system, runs }, turn) => {
        try {
          runs.push(await meshOnce(started, site.origin, system, limit))
        } catch (error) {
          // The browser ended, or does not answer.
          progress(`page-mesh: ${error instanceof Error ? error.message : String(error)}`)
          runs.push({ first: Infinity, full: Infinity, links: 0 })
          await started.close().catch(() => {})
          started = await start()
        }
        const { full = NaN, links = 0 } = runs.at(-1) ?? {}
        progress(`page-mesh: ${name}, ${system.label}, ${turn}/${slowRuns}: ${ms(full)}, ${links} connection ends`)
      })
      await started.close()
    }
  } finally {
    site.close()
  }
  /** @param {number} time */
  const text = time => (time === Infinity ? `not in ${limit / 1000} s` : ms(time))
  return {
    name: 'page-mesh',
    title,
    columns: [
      { title: 'browser', align: 'left' },
      { title: 'system', align: 'left' },
      { title: 'runs' },
      { title: 'first connection' },
      { title: 'full mesh' },
      { title: 'best' },
      { title: 'worst' },
      { title: 'connection ends' },
    ],
    rows: lines.map(({ browser, system, runs }) => {
      const full = runs.map(each => each.full)
      const middle = median(full)
      const isJudged = system.name === 'swarmlink' && browser === 'Chromium'
      return [
        browser,
        labelledInPages(system),
        String(runs.length),
        text(median(runs.map(each => each.first))),
        isJudged ? beside(text(middle), middle, '≤', GOAL, ms(GOAL)) : text(middle),
        text(Math.min(...full)),
        text(worst(full)),
        `${number(median(runs.map(each => each.links)))} of ${PAGES * (PAGES - 1)}`,
      ]
    }),
    notes: [
      'From the moment at which all pages join. No STUN server. First connection: of the median page. All pages share the cores of one machine.',
      'The minimal page and simple-peer have a tracker client by hand, which knows the number of pages and is connected before.',
    ],
    data: lines.map(({ browser, system, runs }) => ({ browser, system: labelledInPages(system), runs })),
    series: lines.map(({ browser, system, runs }) => ({
      group: `${browser}, full mesh of ${PAGES}`,
      label: labelledInPages(system),
      unit: 'ms',
      values: runs.map(each => each.full),
    })),
  }
}

/** @param {Browser} browser @param {string} origin @param {System} system @param {number} limit @returns {Promise<Run>} */
async function meshOnce(browser, origin, { name: system }, limit) {
  return await withLab(async lab => {
    const tracker = await lab.tracker()
    const topic = freshTopic()
    const given = { system, trackerUrl: tracker.url, seeder: false, topic, iceServers: [], others: PAGES - 1 }
    /** @type {import('../browsers.js').Page[]} */
    const pages = []
    try {
      for (let at = 0; at < PAGES; at++) {
        const page = await browser.newPage()
        pages.push(page)
        await page.goto(origin)
        await callPage(page, 'prepare', given)
      }
      const at = Date.now() + HEAD_START
      await Promise.all(pages.map(page => callPage(page, 'joinAt', at)))
      /** @type {number[][]} */
      const all = await Promise.all(pages.map(page => callPage(page, 'linked', { count: PAGES - 1, timeout: limit })))
      const links = sum(all.map(times => times.length))
      return {
        first: median(all.map(([first = Infinity]) => first)) - at,
        full: links === PAGES * (PAGES - 1) ? Math.max(...all.flat()) - at : Infinity,
        links,
      }
    } finally {
      await Promise.all(pages.map(page => page.close()))
    }
  })
}
