// @ts-check
/** The chat room in a page. The `#` part of its address names the room and where to meet. */
import { appendEvent, appendMessage } from '../support/chat-lines.js'
import { rarely } from '../support/rarely.js'
import { Room } from '../support/room.js'

const place = new URLSearchParams(location.hash.slice(1))
const room = place.get('room') ?? 'lobby'
const name = place.get('name') ?? `page ${Math.floor(Math.random() * 1000)}`

const lines = /** @type {HTMLOListElement} */ (document.querySelector('#lines'))
const state = /** @type {HTMLElement} */ (document.querySelector('#state'))
const form = /** @type {HTMLFormElement} */ (document.querySelector('#form'))
const text = /** @type {HTMLInputElement} */ (document.querySelector('#text'))
const title = /** @type {HTMLElement} */ (document.querySelector('#room'))

title.textContent = document.title = `${room} – swarmlink chat`

const chat = new Room(
  { room, name, trackers: place.getAll('tracker'), drivers: await openDrivers(), stun: place.has('stun') },
  {
    joined: who => event(`${who} is here`),
    left: who => event(`${who} is gone`),
    heard: (who, what) => show(who, what),
    warn: rarely(what => event(what)),
  },
)

form.addEventListener('submit', submit => {
  submit.preventDefault()
  const what = text.value.trim()
  if (what === '') return
  text.value = ''
  show(name, what)
  if (chat.say(what) === 0) event('no peer is connected yet: not sent')
})
addEventListener('pagehide', () => void chat.close())

await chat.open()

/** Loads the NATS client only where it is used. */
async function openDrivers() {
  const servers = place.getAll('nats')
  if (servers.length === 0) return []
  const { NatsDriver } = await import('swarmlink/signaling/nats')
  return [new NatsDriver({ servers })]
}

/** @param {string} what */
function event(what) {
  state.textContent = chat.size === 0 ? 'Looking for peers …' : `${chat.size + 1} members, with you as ${name}`
  appendEvent(lines, what)
}

/** @param {string} who @param {string} what */
function show(who, what) {
  appendMessage(lines, who, what)
}
