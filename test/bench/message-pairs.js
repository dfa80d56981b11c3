// @ts-check
/** Two processes of a system that are connected, and the tasks that they do together. */
import { freshTopic } from './payload.js'
import { acceptDefeat, progress } from './processes.js'

/** @typedef {import('./harness.js').Lab} Lab */
/** @typedef {import('./processes.js').ClientProcess} ClientProcess */
/** @typedef {import('./scenarios/messages-figures.js').Contender} Contender */
/** @typedef {import('./scenarios/messages-figures.js').Turn} Turn */
/** @typedef {import('./types.js').ClientOptions} ClientOptions */
/** @typedef {import('./types.js').EngineName} EngineName */
/** @typedef {import('./types.js').MessageTask} MessageTask */
/** @typedef {import('./types.js').Outcome} Outcome */
/** @typedef {import('./types.js').Work} Work */
/** @typedef {{ sender: ClientProcess, receiver: ClientProcess }} Pair */

const MEET_LIMIT = 60_000
const WORK_LIMIT = 120_000
/** One in some hundred connections fails for no apparent reason. */
const ATTEMPTS = 3
/** They have no discovery: this carries their signals. */
const BY_HAND = new Set(['bare', 'simple-peer'])

/** Connects the two ends of each contender. Leaves out those that do not connect. @param {Lab} lab @param {Contender[]} contenders @param {EngineName} engine */
export async function meet(lab, contenders, engine) {
  const { url: trackerUrl } = await lab.tracker()
  /** @type {Map<Contender, Pair>} */
  const pairs = new Map()
  await Promise.all(
    contenders.map(async contender => {
      for (let attempt = 1; attempt <= ATTEMPTS && !pairs.has(contender); attempt++) {
        const pair = await meetOnce(lab, contender, { trackerUrl, topic: freshTopic(), seeder: false, engine })
        if (pair === undefined) progress(`messages: ${contender} did not meet`)
        else pairs.set(contender, pair)
      }
    }),
  )
  return pairs
}

/** @param {Lab} lab @param {Contender} contender @param {ClientOptions} options @returns {Promise<Pair | undefined>} */
async function meetOnce(lab, contender, options) {
  const file = `clients/messages-${contender}.js`
  const [sender, receiver] = await Promise.all([
    lab.process(file, options, ['--expose-gc']),
    lab.process(file, options, ['--expose-gc']),
  ])
  const pair = { sender, receiver }
  try {
    for (const client of [sender, receiver]) client.start()
    if (BY_HAND.has(contender)) await shake(pair)
    await Promise.all([sender.linked(MEET_LIMIT), receiver.linked(MEET_LIMIT)])
    return pair
  } catch (error) {
    acceptDefeat(error)
    return undefined
  }
}

/** @param {Pair} pair */
async function shake({ sender, receiver }) {
  const offer = await order(sender, { name: 'offer' })
  const answer = await order(receiver, { name: 'answer', sdp: String(offer) })
  await order(sender, { name: 'accept', sdp: String(answer) })
}

/** @param {ClientProcess} client @param {MessageTask} task @param {ClientProcess[]} [others] also needed for an answer */
function order(client, task, others) {
  return client.ask(task, WORK_LIMIT, others)
}

/** @param {Pair} pair @param {Work} work @returns {Promise<Turn | undefined>} */
export async function measureOnce(pair, work) {
  try {
    await order(pair.receiver, { name: 'receive', work })
    await order(pair.sender, { name: 'send', work })
    const receiver = /** @type {Outcome} */ (await order(pair.receiver, { name: 'end' }, [pair.sender]))
    const sender = /** @type {Outcome} */ (await order(pair.sender, { name: 'end' }))
    if (sender.hash !== receiver.hash) throw new Error('what arrived is not what was sent')
    return { ms: receiver.at - sender.at, sender, receiver }
  } catch (error) {
    acceptDefeat(error)
    return undefined
  }
}
