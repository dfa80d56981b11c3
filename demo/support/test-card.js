// @ts-check
/** A participant of a call in Node: sends moving bars and a tone, and counts the frames that it gets. */
import { Receiver, Sender } from 'swarmlink/media'
import { Failure, messageOf } from './program.js'

const WIDTH = 320
const HEIGHT = 240
const FRAMES_PER_SECOND = 15
const SAMPLE_RATE = 48_000
/** In Hz, and of 32 767. */
const TONE = 440
const VOLUME = 1_000

/** @typedef {import('swarmlink/signaling').Driver} Driver */

export class TestCard {
  /** @type {Array<() => unknown>} */
  #leaving = []

  /** @param {{ driver: Driver, room: string, stun: boolean, tell: (text: string) => void }} options */
  static async join({ driver, room, stun, tell }) {
    const wrtc = await loadWrtc()
    const card = new TestCard()
    const stream = card.#generate(wrtc)
    const options = { driver, participant: `card ${process.pid}`, ...(stun ? {} : { iceServers: [] }) }
    const sender = new Sender(options)
    const receiver = new Receiver(options)
    sender.addEventListener('connect', () => tell('A participant sees the test card.'))
    receiver.addEventListener('stream', ({ detail }) => {
      tell(`${nameOf(detail.state)} is here.`)
      card.#count(wrtc, detail, tell)
    })
    receiver.addEventListener('dispose', ({ detail }) => tell(`${nameOf(detail.state)} is gone (${detail.reason}).`))
    for (const end of [sender, receiver])
      /** @type {EventTarget} */ (end).addEventListener('error', event =>
        tell(`error: ${/** @type {CustomEvent<{ error: Error }>} */ (event).detail.error.message}`),
      )
    sender.start({ stream, room, state: { name: 'Test card' } })
    receiver.start({ room })
    card.#leaving.push(() => Promise.all([sender.stop(), receiver.stop()]))
    return card
  }

  async leave() {
    for (const end of this.#leaving.splice(0)) await end()
  }

  /** @param {typeof import('@roamhq/wrtc')} wrtc @returns {MediaStream} */
  #generate({ MediaStream, nonstandard }) {
    const video = new nonstandard.RTCVideoSource()
    const audio = new nonstandard.RTCAudioSource()
    let frame = 0
    let sample = 0
    const timers = [
      setInterval(() => video.onFrame(bars(frame++)), 1_000 / FRAMES_PER_SECOND),
      setInterval(() => {
        audio.onData(tone(sample))
        sample += SAMPLE_RATE / 100
      }, 10),
    ]
    const tracks = [video.createTrack(), audio.createTrack()]
    this.#leaving.push(() => {
      timers.forEach(clearInterval)
      for (const track of tracks) track.stop()
    })
    return new MediaStream(tracks)
  }

  /**
   * @param {typeof import('@roamhq/wrtc')} wrtc
   * @param {{ stream: MediaStream, state: unknown }} received
   * @param {(text: string) => void} tell
   */
  #count({ nonstandard }, { stream, state }, tell) {
    for (const track of stream.getVideoTracks()) {
      const sink = new nonstandard.RTCVideoSink(track)
      let frames = 0
      sink.onframe = () => frames++
      const timer = setInterval(() => tell(`${nameOf(state)}: ${frames} frames so far.`), 10_000)
      this.#leaving.push(() => {
        clearInterval(timer)
        sink.stop()
      })
    }
  }
}

async function loadWrtc() {
  try {
    return (await import('@roamhq/wrtc')).default
  } catch (error) {
    throw new Failure(`--card needs @roamhq/wrtc, for media in Node: npm install @roamhq/wrtc (${messageOf(error)})`)
  }
}

/** Eight grey bars that move, in I420. @param {number} frame */
function bars(frame) {
  const data = new Uint8Array(WIDTH * HEIGHT * 1.5).fill(128)
  for (let x = 0; x < WIDTH; x++) data[x] = 32 + 24 * (Math.floor((8 * (x + 2 * frame)) / WIDTH) % 8)
  for (let y = 1; y < HEIGHT; y++) data.copyWithin(y * WIDTH, 0, WIDTH)
  return { width: WIDTH, height: HEIGHT, data }
}

/** 10 ms, the length that the engine takes. @param {number} first */
function tone(first) {
  const samples = Int16Array.from(
    { length: SAMPLE_RATE / 100 },
    (_, i) => VOLUME * Math.sin((2 * Math.PI * TONE * (first + i)) / SAMPLE_RATE),
  )
  return { samples, sampleRate: SAMPLE_RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: samples.length }
}

/** @param {unknown} state */
function nameOf(state) {
  return typeof state === 'object' && state !== null && 'name' in state ? String(state.name).slice(0, 40) : 'A participant'
}
