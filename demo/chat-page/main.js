// @ts-check
/** The chat room in a page. Which room, and where to meet, stands behind the `#` of its address. */
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
  if (chat.say(what) === 0) event('nobody is here yet, so nobody read this')
})
addEventListener('pagehide', () => void chat.close())

await chat.open()

/** Only who meets over NATS loads what that takes. */
async function openDrivers() {
  const servers = place.getAll('nats')
  if (servers.length === 0) return []
  const { NatsDriver } = await import('swarmlink/signaling/nats')
  return [new NatsDriver({ servers })]
}

/** @param {string} what */
function event(what) {
  state.textContent = chat.size === 0 ? 'Looking for others …' : `${chat.size + 1} are here, with you as ${name}`
  const line = document.createElement('li')
  line.className = 'event'
  line.textContent = what
  append(line)
}

/** @param {string} who @param {string} what */
function show(who, what) {
  const line = document.createElement('li')
  const author = document.createElement('span')
  author.className = 'who'
  author.textContent = who
  line.append(author, what)
  append(line)
}

/** @param {HTMLElement} line */
function append(line) {
  lines.append(line)
  line.scrollIntoView({ block: 'end' })
}
