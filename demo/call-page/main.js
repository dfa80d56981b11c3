// @ts-check
/** A call in a page. The `#` part of its address names the room and the signal server. */
import { Receiver, Sender } from 'swarmlink/media'
import { WebSocketDriver } from 'swarmlink/signaling'
import { Devices } from './devices.js'
import { Notice } from './notice.js'
import { Tiles } from './tiles.js'

const place = new URLSearchParams(location.hash.slice(1))
const room = place.get('room') ?? 'lobby'
const signal = place.get('signal')
const name = place.get('name') ?? `Guest ${Math.floor(Math.random() * 1000)}`

/** @template {Element} T @param {string} selector @param {new () => T} type @returns {T} */
function find(selector, type) {
  const found = document.querySelector(selector)
  if (!(found instanceof type)) throw new Error(`the page has no ${selector}`)
  return found
}

const state = find('#state', HTMLElement)
const buttons = {
  audio: find('#audio', HTMLButtonElement),
  video: find('#video', HTMLButtonElement),
  screen: find('#screen', HTMLButtonElement),
  leave: find('#leave', HTMLButtonElement),
  copy: find('#copy', HTMLButtonElement),
}
const notice = new Notice(find('#notice', HTMLElement))
const tiles = new Tiles(find('#tiles', HTMLElement), { soundBlocked })
document.title = find('#room', HTMLElement).textContent = `${room} – swarmlink call`

if (!('RTCPeerConnection' in globalThis)) notice.show('This browser has no WebRTC: open the page in another one.')
else if (signal === null) notice.show('The address names no signal server: open the link that npm run demo:call prints.')
else await join(signal)

/** @param {string} url */
async function join(url) {
  const driver = new WebSocketDriver(url)
  const participant = crypto.getRandomValues(new Uint32Array(4)).join('-')
  const options = { driver, participant, ...(place.has('stun') ? {} : { iceServers: [] }) }
  const sender = new Sender({ ...options, videoBitrate: 1_500 })
  const receiver = new Receiver(options)
  const devices = new Devices({
    audio: find('#audioinput', HTMLSelectElement),
    video: find('#videoinput', HTMLSelectElement),
    changed: (stream, isScreen) => {
      tiles.showOwn(stream, name, isScreen)
      sender.setStream(stream)
    },
    failed: (text, retry) => notice.show(text, 'Try again', retry),
    screenEnded: () => pressed(buttons.screen, false),
  })

  receiver.addEventListener('stream', ({ detail }) => tiles.show(detail.id, detail.stream, nameIn(detail.state)))
  receiver.addEventListener('sync', ({ detail }) => tiles.rename(detail.id, nameIn(detail.state)))
  receiver.addEventListener('mute', ({ detail }) => tiles.mute(detail.id, detail.kind, detail.muted))
  receiver.addEventListener('quality', ({ detail }) => tiles.rate(detail.id, detail.quality))
  receiver.addEventListener('reconnecting', ({ detail }) => tiles.wait(detail.id, true))
  receiver.addEventListener('reconnected', ({ detail }) => tiles.wait(detail.id, false))
  receiver.addEventListener('connect', ({ detail }) => {
    tiles.add(detail.id, nameIn(detail.state)) // a participant without a camera has a tile, too
    tellState()
  })
  receiver.addEventListener('full', () => notice.show('A participant has as many connections as it takes.'))
  receiver.addEventListener('dispose', ({ detail }) => {
    tiles.remove(detail.id)
    tellState()
  })
  receiver.addEventListener('error', ({ detail }) => console.warn(detail.error))
  sender.addEventListener('error', ({ detail }) => console.warn(detail.error))

  receiver.start({ room })
  sender.start({ room, state: { name }, dataChannel: true })
  tellState()
  await devices.open()

  /** @type {Record<string, () => unknown>} */
  const actions = {
    m: () => sender.enable('audio', toggle(buttons.audio)),
    v: () => sender.enable('video', toggle(buttons.video)),
    s: async () => pressed(buttons.screen, await devices.shareScreen(!isPressed(buttons.screen))),
    l: async () => {
      await Promise.all([sender.stop(), receiver.stop()])
      await driver.close()
      devices.close()
      tiles.clear()
      notice.show('You have left the call.', 'Join again', () => location.reload())
      state.textContent = 'Left'
    },
  }
  buttons.audio.addEventListener('click', () => actions['m']?.())
  buttons.video.addEventListener('click', () => actions['v']?.())
  buttons.screen.addEventListener('click', () => actions['s']?.())
  buttons.leave.addEventListener('click', () => actions['l']?.())
  buttons.copy.addEventListener('click', () => void copyLink())
  addEventListener('keydown', ({ key, target, ctrlKey, metaKey, altKey }) => {
    if (ctrlKey || metaKey || altKey || target instanceof HTMLSelectElement) return
    actions[key.toLowerCase()]?.()
  })
  for (const event of ['online', 'offline']) addEventListener(event, tellState)
}

function tellState() {
  const others = tiles.size
  if (!navigator.onLine) state.textContent = 'Offline: the call goes on when the network is back.'
  else if (others === 0) state.textContent = 'Alone: send the link to another participant.'
  else state.textContent = `${others + 1} participants, with you as ${name}`
}

/** Any click or key is the gesture that the browser wants. @param {Promise<boolean>} playing */
async function soundBlocked(playing) {
  const text = 'The browser plays no sound yet: click, or press a key.'
  notice.show(text, 'Turn on sound')
  await playing
  notice.hide(text)
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href)
    state.textContent = 'The link is copied.'
  } catch {
    prompt('The link of this call:', location.href)
  }
}

/** @param {unknown} value */
function nameIn(value) {
  return typeof value === 'object' && value !== null && 'name' in value ? String(value.name).slice(0, 40) : 'A participant'
}

/** @param {HTMLButtonElement} button */
function isPressed(button) {
  return button.ariaPressed === 'true'
}

/** @param {HTMLButtonElement} button @param {boolean} on */
function pressed(button, on) {
  button.ariaPressed = String(on)
}

/** @param {HTMLButtonElement} button */
function toggle(button) {
  pressed(button, !isPressed(button))
  return isPressed(button)
}
