// @ts-check
/** The list of lines in the page of a chat. */

/** @param {HTMLElement} lines @param {string} what */
export function appendEvent(lines, what) {
  const line = document.createElement('li')
  line.className = 'event'
  line.textContent = what
  append(lines, line)
}

/** @param {HTMLElement} lines @param {string} who @param {string} what */
export function appendMessage(lines, who, what) {
  const line = document.createElement('li')
  const author = document.createElement('span')
  author.className = 'who'
  author.textContent = who
  line.append(author, what)
  append(lines, line)
}

/** @param {HTMLElement} lines @param {HTMLElement} line */
function append(lines, line) {
  lines.append(line)
  line.scrollIntoView({ block: 'end' })
}
