// @ts-check
/** The chat over a mesh in a page. The `#` part of its address names the room and where to meet. */
import { appendEvent, appendMessage } from '../support/chat-lines.js'
import { MeshChat } from '../support/mesh-chat.js'
import { rarely } from '../support/rarely.js'

const place = new URLSearchParams(location.hash.slice(1))
const room = place.get('room') ?? 'lobby'
const name = place.get('name') ?? `page ${Math.floor(Math.random() * 1000)}`

const lines = /** @type {HTMLOListElement} */ (document.querySelector('#lines'))
const state = /** @type {HTMLElement} */ (document.querySelector('#state'))
const form = /** @type {HTMLFormElement} */ (document.querySelector('#form'))
const text = /** @type {HTMLInputElement} */ (document.querySelector('#text'))
const title = /** @type {HTMLElement} */ (document.querySelector('#room'))

title.textContent = document.title = `${room} – swarmlink mesh chat`

/** @type {MeshChat | undefined} */
let chat
try {
  chat = await MeshChat.open(
    { room, name, trackers: place.getAll('tracker'), stun: place.has('stun') },
    { event, heard: show, warn: rarely(event), changed: count },
  )
  count()
} catch (error) {
  fail(error)
}
addEventListener('pagehide', () => void chat?.close())

form.addEventListener('submit', submit => {
  submit.preventDefault()
  const what = text.value.trim()
  if (what === '' || chat === undefined) return
  text.value = ''
  if (!what.startsWith('/')) show(chat.name, what)
  chat
    .enter(what)
    .then(answer => answer.forEach(event), fail)
    .finally(count)
})

function count() {
  if (chat === undefined || chat.connections === 0) state.textContent = 'Looking for members …'
  else state.textContent = `${chat.size} members, ${chat.connections} of them connected, with you as ${chat.name}`
}

/** @param {unknown} error */
function fail(error) {
  event(error instanceof Error ? error.message : String(error))
}

/** @param {string} what */
function event(what) {
  appendEvent(lines, what)
}

/** @param {string} who @param {string} what */
function show(who, what) {
  appendMessage(lines, who, what)
}
