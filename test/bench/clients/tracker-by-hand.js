// @ts-check
/**
 * The least that a program needs to find peers over a WebSocket tracker: it announces once, with an offer for each other member, and answers every
 * offer. Runs in Node and in pages. Knows no WebRTC: a dial makes the connections.
 */

/**
 * One connection. `offer` and `answer` resolve with the SDP when its candidates are gathered.
 * @typedef {{ offer(): Promise<string>, answer(sdp: string): Promise<string>, accept(sdp: string): Promise<void>, close(): void }} Dialled
 * @typedef {{ linked: () => void, unlinked: () => void }} Heard
 * @typedef {(isOfferer: boolean, heard: Heard) => Dialled} Dial
 * @typedef {{ linked: (remote: string) => void, unlinked: (remote: string) => void }} Report
 */

const ID_LENGTH = 20
/** Seconds, if the tracker names none. */
const INTERVAL = 120

/**
 * Returns what joins, over a socket that is open, and what leaves.
 * @param {object} given
 * @param {WebSocket} given.socket
 * @param {string[]} given.infoHashes in hex
 * @param {number} given.offers for each topic
 * @param {Dial} given.dial
 * @param {Report} given.report
 */
export function trackerByHand({ socket, infoHashes, offers: count, dial, report }) {
  const peerId = randomId()
  /** By the id of the offer: what takes its answer. @type {Map<string, (remote: string, sdp: string) => Promise<void>>} */
  const offered = new Map()
  /** @type {Set<Dialled>} */
  const all = new Set()
  /** @type {Map<string, number>} */
  const timers = new Map()

  /** @param {object} message */
  const send = message => socket.send(JSON.stringify({ action: 'announce', peer_id: peerId, ...message }))

  /** @param {boolean} isOfferer @param {() => string} remote */
  const begin = (isOfferer, remote) => {
    const dialled = dial(isOfferer, { linked: () => report.linked(remote()), unlinked: () => report.unlinked(remote()) })
    all.add(dialled)
    return dialled
  }

  /** @param {string} topic @param {number} many @param {string} [event] */
  async function announce(topic, many, event) {
    const offers = await Promise.all(
      Array.from({ length: many }, async () => {
        const id = randomId()
        let remote = ''
        const dialled = begin(true, () => remote)
        const sdp = await dialled.offer()
        offered.set(id, async (name, answer) => {
          remote = name
          try {
            await dialled.accept(answer)
          } catch {
            // node-datachannel fails now and then: "Got a remote candidate without ICE transport".
            dialled.close()
            await announce(topic, 1)
          }
        })
        return { offer_id: id, offer: { type: 'offer', sdp } }
      }),
    )
    const progress = { uploaded: 0, downloaded: 0, left: 1 }
    send({ info_hash: topic, numwant: many, ...progress, ...(event && { event }), offers })
  }

  /** @param {any} message */
  async function receive({ info_hash: topic, peer_id: remote, offer, answer, offer_id: id, interval = INTERVAL }) {
    if (offer) {
      const dialled = begin(false, () => remote)
      const sdp = await dialled.answer(offer.sdp)
      send({ info_hash: topic, to_peer_id: remote, offer_id: id, answer: { type: 'answer', sdp } })
    } else if (answer) {
      await offered.get(id)?.(remote, answer.sdp)
    } else {
      clearTimeout(timers.get(topic))
      timers.set(topic, Number(setTimeout(() => void announce(topic, 0), interval * 1000)))
    }
  }
  socket.addEventListener('message', ({ data }) => void receive(JSON.parse(data)))

  return {
    join: () => Promise.all(infoHashes.map(hex => announce(binary(hex), count, 'started'))),
    leave: () => {
      for (const timer of timers.values()) clearTimeout(timer)
      for (const dialled of all) dialled.close()
      socket.close()
    },
  }
}

function randomId() {
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  return Array.from({ length: ID_LENGTH }, () => letters[Math.floor(Math.random() * letters.length)]).join('')
}

/** The bytes as the characters that trackers expect. @param {string} hex */
function binary(hex) {
  return (hex.match(/../g) ?? []).map(byte => String.fromCharCode(parseInt(byte, 16))).join('')
}
