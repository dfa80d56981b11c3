/** esbuild would follow the `paths` of our tsconfig, which lead to Node's variants of the sources. */
const forBrowsers = (/** @type {object} */ config) => ({ ...config, platform: 'browser', tsconfigRaw: '{}' })

/**
 * Chunks that are loaded when they are needed: the filter of peers that were turned away, the streams of wires, what only swarmlink peers
 * need (messages, too), drivers, the message formats of rooms, invitations.
 */
const LATER = [
  './seen-filter.js',
  '../channel/wire-stream.js',
  './together.js',
  './signaling-set.js',
  './links.js',
  '../signaling/manual/manual-signaling.js',
]

export default [
  {
    name: 'the plugin, as a page loads it to begin with, without webtorrent',
    path: 'dist/index.js',
    import: '{ ConnectionManager }',
    limit: '39 kB',
    gzip: true,
    modifyEsbuildConfig: (/** @type {object} */ config) => ({
      ...forBrowsers(config),
      external: LATER,
    }),
  },
  {
    name: 'all of swarmlink, with everything that it loads later',
    path: 'dist/index.js',
    limit: '116 kB',
    gzip: true,
    modifyEsbuildConfig: forBrowsers,
  },
  {
    name: 'a room, as a page loads it to begin with',
    path: 'dist/room/index.js',
    limit: '39 kB',
    gzip: true,
    modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...forBrowsers(config), external: LATER }),
  },
  {
    name: 'the drivers, without a swarm',
    path: 'dist/signaling/index.js',
    limit: '19 kB', // 2.7 kB of it are SHA-256, for the names of servers; a swarm beside the drivers has it already
    gzip: true,
    modifyEsbuildConfig: forBrowsers,
  },
  {
    name: 'the driver for NATS, without its client library',
    path: 'dist/signaling/pubsub/nats.js',
    limit: '12 kB',
    gzip: true,
    modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...forBrowsers(config), external: ['@nats-io/nats-core'] }),
  },
]
