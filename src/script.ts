/** Entry point of `swarmlink.min.js`, the one file for pages without a bundler: the plugin, rooms and drivers. */
export * from './index.js'
export * from './room.js'
export * from './signaling/index.js'
