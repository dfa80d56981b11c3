// @ts-check
/** A swarmlink client whose invitations and answers the caller carries. A refusal is a result too. */
import { ConnectionManager } from 'swarmlink'
import { serve } from './client.js'
import { quietClient, torrentAdder } from './torrent-client.js'

/** @typedef {import('../types.js').HandTask} HandTask */

serve(async (options, report) => {
  const client = await quietClient()
  const manager = new ConnectionManager(client, { rtcConfig: { iceServers: [] }, trackers: [options.trackerUrl] })
  await new Promise((resolve, reject) => {
    manager.once('ready', resolve)
    manager.once('warning', reject)
  })

  /** @param {HandTask} task @returns {Promise<string | undefined>} */
  const doWith = async task => {
    switch (task.name) {
      case 'who':
        return client.peerId
      case 'invite':
        return JSON.stringify(await manager.invite(options.topic.infoHash))
      case 'connect':
        return JSON.stringify(await manager.connect(task.signal))
    }
  }
  return {
    start: torrentAdder(client, options, [], report),
    ask: async task => {
      try {
        return { done: await doWith(/** @type {HandTask} */ (task)) }
      } catch (error) {
        return { refused: error instanceof Error ? error.message : String(error) }
      }
    },
    stop: async () => {
      await manager.destroy()
      await new Promise(resolve => client.destroy(resolve))
    },
  }
})
