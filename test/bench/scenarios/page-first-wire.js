// @ts-check
/** How long the first peer takes between two pages: one tracker, without a STUN server and with three, one of which is silent. */
import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { installed } from '../browsers.js'
import { withLab } from '../harness.js'
import { callPage, servePages } from '../pages.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress, untilAny } from '../processes.js'
import { beside, median, ms, worst } from '../stats.js'
import { labelledInPages } from '../systems.js'

/** @typedef {import('../browsers.js').Browser} Browser */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */

const LIMIT = 15_000
/** Milliseconds between a request to a STUN server and its answer. */
const DISTANCE = 60
/** The times to reach, in milliseconds. */
const GOALS = /** @type {Record<string, Record<string, number>>} */ ({
  none: { Chromium: 90, Firefox: 60 },
  stun: { Chromium: 250, Firefox: 250 },
})
const CASES = /** @type {const} */ ([
  { name: 'none', text: 'no STUN server' },
  { name: 'stun', text: `three STUN servers, one silent, two ${DISTANCE} ms away` },
])
const SETTLE = { least: 300, spread: 700 }

export const title = 'First wire, two pages of one browser'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, callRuns }) {
  const site = await servePages()
  const stun = await stunServers()
  const rows = []
  const data = []
  try {
    for (const { name, start } of installed('page-first-wire')) {
      const started = await start()
      try {
        for (const { name: kind, text } of CASES) {
          const iceServers = kind === 'none' ? [] : stun.urls.map(urls => ({ urls }))
          const able = systems.filter(system => kind === 'none' || system.name !== 'p2pt')
          if (able.length < systems.length) rows.push([name, text, 'P2PT', 'takes no STUN server', '', '', ''])
          /** @type {Map<System, number[]>} */
          const times = new Map(able.map(system => [system, []]))
          for (let round = 1; round <= callRuns; round++)
            for (const [system, list] of times) {
              const time = await firstWire(started, site.origin, system, iceServers)
              list.push(time)
              progress(`page-first-wire: ${name}, ${text}, ${system.label}, ${round}/${callRuns}: ${ms(time)}`)
            }
          for (const [system, list] of times) {
            const goal = GOALS[kind]?.[name] ?? 0
            const [middle, most] = [median(list), worst(list)]
            const figure = system.name === 'swarmlink' ? beside(ms(middle), middle, '≤', goal, `${goal} ms`) : ms(middle)
            rows.push([name, text, labelledInPages(system), String(list.length), figure, ms(Math.min(...list)), ms(most)])
            data.push({ browser: name, kind, text, system: labelledInPages(system), times: list })
          }
        }
      } finally {
        await started.close()
      }
    }
  } finally {
    stun.close()
    site.close()
  }
  return {
    name: 'page-first-wire',
    title,
    columns: [
      { title: 'browser', align: 'left' },
      { title: 'case', align: 'left' },
      { title: 'system', align: 'left' },
      { title: 'runs' },
      { title: 'median' },
      { title: 'best' },
      { title: 'worst' },
    ],
    rows,
    notes: [
      'From `client.add` (or the call that joins) to the first wire after its handshake. The other page is announced; the systems take turns.',
      'simple-peer and the minimal page (one `RTCPeerConnection`, sent when gathering is complete) have no discovery: a tracker client by hand, connected before.',
    ],
    data,
    series: data.map(one => ({ group: `${one.browser}, ${one.text}`, label: one.system, unit: 'ms', values: one.times })),
  }
}

/** Infinity if there is no wire in time. @param {Browser} browser @param {string} origin @param {System} system @param {object[]} iceServers */
async function firstWire(browser, origin, system, iceServers) {
  try {
    return await join(browser, origin, system, iceServers)
  } catch (error) {
    acceptDefeat(error)
    return Infinity
  }
}

/** @param {Browser} browser @param {string} origin @param {System} system @param {object[]} iceServers @returns {Promise<number>} */
function join(browser, origin, { name: system }, iceServers) {
  return withLab(async lab => {
    const tracker = await lab.tracker()
    const topic = freshTopic()
    const pages = [await browser.newPage(), await browser.newPage()]
    try {
      for (const [at, page] of pages.entries()) {
        await page.goto(origin)
        await callPage(page, 'prepare', { system, trackerUrl: tracker.url, seeder: at === 0, topic, iceServers, others: 1 })
      }
      const [seeder, leecher] = /** @type {[import('../browsers.js').Page, import('../browsers.js').Page]} */ (pages)
      await callPage(seeder, 'join')
      await untilAny([tracker], () => (tracker.announced.size > 0 ? true : undefined), LIMIT, 'the first announce')
      await sleep(SETTLE.least + Math.random() * SETTLE.spread)
      const from = await callPage(leecher, 'join')
      const [to = Infinity] = await callPage(leecher, 'linked', { count: 1, timeout: LIMIT })
      return to - from
    } finally {
      await Promise.all(pages.map(page => page.close()))
    }
  })
}

/** Two STUN servers some way off and a silent one. They tell a public address, as through a NAT. */
async function stunServers() {
  const host = Object.values(networkInterfaces())
    .flatMap(list => list ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')
  const sockets = await Promise.all(
    [true, true, false].map(async answers => {
      const socket = createSocket('udp4')
      socket.on('message', (request, { port, address }) => {
        if (answers) setTimeout(() => socket.send(stunAnswer(request, port), port, address), DISTANCE)
      })
      await new Promise(resolve => socket.bind(0, host?.address ?? '127.0.0.1', () => resolve(undefined)))
      return socket
    }),
  )
  return {
    urls: sockets.toReversed().map(socket => `stun:${socket.address().address}:${socket.address().port}`),
    close: () => {
      for (const socket of sockets) socket.close()
    },
  }
}

/** @param {Buffer} request @param {number} port */
function stunAnswer(request, port) {
  const answer = Buffer.from('0101000c2112a442000000000000000000000000002000080001000000000000', 'hex')
  request.copy(answer, 8, 8, 20)
  answer.writeUInt16BE(port ^ 0x2112, 26)
  Buffer.from([198 ^ 0x21, 51 ^ 0x12, 100 ^ 0xa4, 7 ^ 0x42]).copy(answer, 28)
  return answer
}
