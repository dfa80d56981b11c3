/** Ignores tsconfig.json: esbuild would follow its `paths` to the Node variants of the sources. */
const forBrowsers = (/** @type {object} */ config) => ({ ...config, platform: 'browser', tsconfigRaw: '{}' })

/**
 * Chunks that are loaded on demand: the filter of refused peers, the wires of torrents, code for connected peers (messages, too),
 * drivers, the message formats of rooms, invitations.
 */
const LATER = [
  './seen-filter.js',
  './wires.js',
  './lazy-peer-features.js',
  './signaling-set.js',
  './lazy-messengers.js',
  '../signaling/manual/manual-signaling.js',
]

export default [
  {
    name: 'the plugin, as a page loads it first, without webtorrent',
    path: 'dist/index.js',
    import: '{ ConnectionManager }',
    limit: '37.9 kB',
    gzip: true,
    modifyEsbuildConfig: (/** @type {object} */ config) => ({
      ...forBrowsers(config),
      external: LATER,
    }),
  },
  {
    name: 'all of swarmlink, with every chunk that it loads later',
    path: 'dist/index.js',
    limit: '106 kB',
    gzip: true,
    modifyEsbuildConfig: forBrowsers,
  },
  {
    name: 'the script for pages without a bundler',
    path: 'dist/swarmlink.min.js',
    limit: '116 kB',
    gzip: true,
    modifyEsbuildConfig: forBrowsers,
  },
  {
    name: 'a room, as a page loads it first',
    path: 'dist/room.js',
    limit: '37.9 kB',
    gzip: true,
    modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...forBrowsers(config), external: LATER }),
  },
  {
    name: 'calls, without drivers, as a page loads them first',
    path: 'dist/media/index.js',
    import: '{ Sender, Receiver }',
    limit: '14 kB',
    gzip: true,
    modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...forBrowsers(config), external: ['./lazy-call.js'] }),
  },
  {
    name: 'all of calls',
    path: 'dist/media/index.js',
    limit: '31.6 kB',
    gzip: true,
    modifyEsbuildConfig: forBrowsers,
  },
  {
    name: 'a mesh, as a page loads it first',
    path: 'dist/mesh/index.js',
    limit: '35.5 kB',
    gzip: true,
    modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...forBrowsers(config), external: [...LATER, './mesh.js'] }),
  },
  {
    name: 'all of a mesh',
    path: 'dist/mesh/index.js',
    limit: '118.5 kB',
    gzip: true,
    modifyEsbuildConfig: forBrowsers,
  },
  {
    name: 'the drivers, without a swarm',
    path: 'dist/signaling/index.js',
    limit: '19 kB', // includes 2.7 kB of SHA-256 for server names, which a swarm shares
    gzip: true,
    modifyEsbuildConfig: forBrowsers,
  },
  {
    name: 'the driver for NATS, without its client library',
    path: 'dist/signaling/drivers/nats-driver.js',
    limit: '12 kB',
    gzip: true,
    modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...forBrowsers(config), external: ['@nats-io/nats-core'] }),
  },
]
