// @ts-check
/** A process with one end of a call of swarmlink. */
import wrtc from '@roamhq/wrtc'
import { Receiver, Sender } from 'swarmlink/media'
import { WebSocketDriver } from 'swarmlink/signaling'
import { serveChild } from '../child.js'

const { RTCVideoSink, RTCVideoSource } = wrtc.nonstandard
const [WIDTH, HEIGHT] = [640, 480]

/** @type {any} */
let end
/** @type {() => number} */
let start
/** When the first picture arrived. @type {Promise<number>} */
let shown

serveChild({
  async prepare(options) {
    const { role, room, busUrl } = /** @type {{ role: string, room: string, busUrl: string }} */ (options)
    const driver = new WebSocketDriver(busUrl)
    if (role === 'sender') {
      const source = new RTCVideoSource()
      const stream = new wrtc.MediaStream([source.createTrack()])
      const data = new Uint8Array(1.5 * WIDTH * HEIGHT).fill(128)
      setInterval(() => source.onFrame({ width: WIDTH, height: HEIGHT, data }), 1000 / 30)
      end = new Sender({ driver, iceServers: [] })
      start = () => (end.start({ room, stream }), Date.now())
      return
    }
    end = new Receiver({ driver, iceServers: [] })
    shown = new Promise(resolve =>
      end.addEventListener('stream', (/** @type {any} */ { detail }) => {
        const sink = new RTCVideoSink(detail.stream.getVideoTracks()[0])
        sink.onframe = () => resolve(Date.now())
      }),
    )
    start = () => {
      const at = Date.now()
      end.start({ room })
      return at
    }
  },
  start() {},
  sample() {
    throw new Error('nothing is sampled')
  },
  ask: async task => (task === 'start' ? start() : await shown),
  stop: () => end?.stop(),
})
