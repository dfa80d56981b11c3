// @ts-check
/** Camera, microphone and screen: opens them, lists them, and says why one cannot be used. */

/**
 * @typedef {object} DevicesOptions
 * @property {HTMLSelectElement} audio lists the microphones
 * @property {HTMLSelectElement} video lists the cameras
 * @property {(stream: MediaStream, isScreen: boolean) => void} changed the stream to send is another one
 * @property {(text: string, retry: () => unknown) => void} failed
 * @property {() => void} screenEnded the user ended the sharing in the browser's own bar
 */

/** @type {Record<string, string>} */
const REASONS = {
  NotAllowedError: 'Camera and microphone are not allowed: allow them in the address bar. You can watch and listen meanwhile.',
  NotFoundError: 'There is no camera or microphone. You can watch and listen.',
  NotReadableError: 'The camera or the microphone is in use by another program: close it.',
  OverconstrainedError: 'The chosen device is gone: choose another one.',
}

export class Devices {
  #options
  /** @type {MediaStream | undefined} */
  #camera
  /** @type {MediaStream | undefined} */
  #screen

  /** @param {DevicesOptions} options */
  constructor(options) {
    this.#options = options
    for (const list of [options.audio, options.video]) list.addEventListener('change', () => void this.open())
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.#list())
  }

  /** Opens the chosen camera and microphone; goes on with one of them, or without. */
  async open() {
    const { mediaDevices } = navigator
    if (mediaDevices === undefined) {
      this.#options.failed('Camera and microphone need https: or localhost. You can watch and listen.', () => this.open())
      return
    }
    const { audio, video } = this.#options
    const chosen = {
      audio: audio.value === '' ? true : { deviceId: { exact: audio.value } },
      video: { width: { ideal: 1280 }, ...(video.value !== '' && { deviceId: { exact: video.value } }) },
    }
    const before = this.#camera
    let failure
    for (const wanted of [chosen, { audio: chosen.audio }, { video: chosen.video }])
      try {
        this.#camera = await mediaDevices.getUserMedia(wanted)
        break
      } catch (error) {
        failure ??= error
      }
    if (failure !== undefined) this.#fail(failure)
    if (this.#camera === before) return
    stop(before)
    await this.#list()
    this.#publish()
  }

  /** Shares the screen instead of the camera, or the camera again. Resolves to whether a screen is shared. @param {boolean} on */
  async shareScreen(on) {
    stop(this.#screen)
    this.#screen = undefined
    if (on)
      try {
        this.#screen = await navigator.mediaDevices.getDisplayMedia({ video: true })
        this.#screen.getVideoTracks()[0]?.addEventListener('ended', () => {
          this.#screen = undefined
          this.#options.screenEnded()
          this.#publish()
        })
      } catch (error) {
        if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') this.#fail(error) // the user closed the dialog
      }
    this.#publish()
    return this.#screen !== undefined
  }

  close() {
    stop(this.#camera)
    stop(this.#screen)
  }

  #publish() {
    const video = (this.#screen ?? this.#camera)?.getVideoTracks() ?? []
    const audio = this.#camera?.getAudioTracks() ?? []
    this.#options.changed(new MediaStream([...video, ...audio]), this.#screen !== undefined)
  }

  async #list() {
    const devices = await navigator.mediaDevices.enumerateDevices()
    for (const kind of /** @type {const} */ (['audio', 'video'])) {
      const list = this.#options[kind]
      const current = this.#camera
        ?.getTracks()
        .find(track => track.kind === kind)
        ?.getSettings().deviceId
      const options = devices
        .filter(device => device.kind === `${kind}input`)
        .map((device, i) => new Option(device.label || `${kind} ${i + 1}`, device.deviceId, false, device.deviceId === current))
      list.replaceChildren(...options)
      list.disabled = options.length < 2
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    const name = error instanceof Error ? error.name : ''
    this.#options.failed(REASONS[name] ?? `Camera and microphone cannot be used (${name}).`, () => this.open())
  }
}

/** @param {MediaStream | undefined} stream */
function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop()
}
