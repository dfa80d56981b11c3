// @ts-check
/** What is sent: pictures with a barcode, noise, cameras and sounds, 640×480 with 30 frames a second. */
import { drawFrame } from '../../net/fixtures/call-proof.js'

const WIDTH = 640
const HEIGHT = 480
const FRAME = 1000 / 30
/** Pictures of noise that are shown in turn, each at a random place. */
const NOISES = 8

/** @typedef {{ stream: MediaStream, stop: () => void }} Source */
/** @typedef {'barcode' | 'noise' | 'camera' | 'device' | 'hiss'} Kind */

/** @param {Kind} kind @returns {Promise<Source>} */
export async function makeSource(kind) {
  switch (kind) {
    case 'barcode':
      return fromCanvas(barcode)
    case 'noise':
      return fromCanvas(noise)
    case 'camera':
      return fromCamera(0)
    case 'device':
      return fromCamera(2)
    case 'hiss':
      return await hiss()
  }
}

/** @param {(pen: CanvasRenderingContext2D) => () => void} painter @returns {Source} */
function fromCanvas(painter) {
  const canvas = document.createElement('canvas')
  Object.assign(canvas, { width: WIDTH, height: HEIGHT })
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))
  const paint = painter(pen)
  paint()
  const timer = setInterval(paint, FRAME)
  const stream = canvas.captureStream()
  return { stream, stop: () => (clearInterval(timer), stopTracks(stream)) }
}

/** @param {CanvasRenderingContext2D} pen */
function barcode(pen) {
  let number = 0
  return () => {
    number++
    drawFrame({ tag: 1, number }, (row, column, isWhite) => {
      pen.fillStyle = isWhite ? '#fff' : '#000'
      pen.fillRect((column * WIDTH) / 8, (row * HEIGHT) / 8, WIDTH / 8, HEIGHT / 8)
    })
  }
}

/** @param {CanvasRenderingContext2D} pen */
function noise(pen) {
  const noises = Array.from({ length: NOISES }, () => {
    const canvas = new OffscreenCanvas(WIDTH, HEIGHT)
    const ink = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'))
    const image = ink.createImageData(WIDTH, HEIGHT)
    for (let at = 0; at < image.data.length; at++) image.data[at] = at % 4 === 3 ? 255 : 256 * Math.random()
    ink.putImageData(image, 0, 0)
    return canvas
  })
  let turn = 0
  return () => {
    const picture = noises[turn++ % NOISES]
    const [x, y] = [WIDTH * Math.random(), HEIGHT * Math.random()]
    if (picture !== undefined) for (const dx of [0, WIDTH]) for (const dy of [0, HEIGHT]) pen.drawImage(picture, x - dx, y - dy)
  }
}

/** @param {number} index @returns {Promise<Source>} */
async function fromCamera(index) {
  const devices = await navigator.mediaDevices.enumerateDevices()
  const { deviceId = '' } = devices.filter(({ kind }) => kind === 'videoinput')[index] ?? {}
  const video = { deviceId: { exact: deviceId }, width: WIDTH, height: HEIGHT }
  const stream = await navigator.mediaDevices.getUserMedia({ video })
  return { stream, stop: () => stopTracks(stream) }
}

/** White noise, which needs the whole bitrate of an audio encoder. @returns {Promise<Source>} */
async function hiss() {
  const context = new AudioContext()
  const buffer = context.createBuffer(1, 2 * context.sampleRate, context.sampleRate)
  const samples = buffer.getChannelData(0)
  for (let at = 0; at < samples.length; at++) samples[at] = Math.random() - 0.5
  const player = new AudioBufferSourceNode(context, { buffer, loop: true })
  const destination = context.createMediaStreamDestination()
  player.connect(destination)
  player.start()
  await context.resume()
  return { stream: destination.stream, stop: () => (stopTracks(destination.stream), void context.close()) }
}

/** @param {MediaStream} stream */
function stopTracks(stream) {
  for (const track of stream.getTracks()) track.stop()
}
