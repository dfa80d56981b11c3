// @ts-check
/** Messages to the user, each with one action. */
export class Notice {
  #list
  /** @type {Map<string, HTMLElement>} */
  #shown = new Map()

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list
  }

  /** @param {string} text @param {string} [label] @param {() => unknown} [action] */
  show(text, label = 'Close', action = () => {}) {
    this.hide(text)
    const line = document.createElement('p')
    const button = Object.assign(document.createElement('button'), { textContent: label })
    button.addEventListener('click', () => {
      this.hide(text)
      action()
    })
    line.append(text, ' ', button)
    this.#shown.set(text, line)
    this.#list.append(line)
    this.#list.hidden = false
  }

  /** @param {string} text */
  hide(text) {
    this.#shown.get(text)?.remove()
    this.#shown.delete(text)
    this.#list.hidden = this.#shown.size === 0
  }
}
