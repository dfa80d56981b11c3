/** Plays a stream in an element of a page, also when the browser wants a gesture of the user first. */

/** What became of a call of `play`. */
export interface Playback {
  /** The browser does not play sound before the user has clicked or typed: show a hint. The element plays after the next gesture. */
  isBlocked: boolean
  /** Resolves when the element plays, to false if it shows another stream by then. */
  playing: Promise<boolean>
}

const GESTURES = ['pointerdown', 'keydown', 'touchend'] as const

/**
 * Shows a stream in a `<video>` or `<audio>` element.
 *
 * @example
 * receiver.addEventListener('stream', async ({ detail }) => {
 *   const { isBlocked } = await play(video, detail.stream)
 *   hint.hidden = !isBlocked
 * })
 */
export async function play(element: HTMLMediaElement, stream: MediaStream | null): Promise<Playback> {
  if (element.srcObject !== stream) element.srcObject = stream
  if (stream === null) return { isBlocked: false, playing: Promise.resolve(false) }
  const outcome = await attempt(element)
  if (outcome !== 'blocked') return { isBlocked: false, playing: Promise.resolve(outcome === 'playing') }
  return { isBlocked: true, playing: afterGesture(element, stream) }
}

async function attempt(element: HTMLMediaElement): Promise<'playing' | 'blocked' | 'replaced'> {
  try {
    await element.play()
    return 'playing'
  } catch (error) {
    // AbortError: another stream was set, or the element was removed.
    return error instanceof DOMException && error.name === 'NotAllowedError' ? 'blocked' : 'replaced'
  }
}

function afterGesture(element: HTMLMediaElement, stream: MediaStream): Promise<boolean> {
  const page = element.ownerDocument
  return new Promise(resolve => {
    const wait = () => {
      for (const gesture of GESTURES) page.addEventListener(gesture, retry)
    }
    const retry = () => {
      for (const gesture of GESTURES) page.removeEventListener(gesture, retry)
      if (element.srcObject !== stream) return resolve(false)
      void attempt(element).then(outcome => (outcome === 'blocked' ? wait() : resolve(outcome === 'playing')))
    }
    wait()
  })
}
