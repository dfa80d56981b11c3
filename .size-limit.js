/** esbuild would follow the `paths` of our tsconfig, which lead to Node's variants of the sources. */
const forBrowsers = (/** @type {object} */ config) => ({ ...config, platform: 'browser', tsconfigRaw: '{}' })

export default [
  {
    name: 'what a page loads to begin with, without webtorrent',
    path: 'dist/index.js',
    limit: '45 kB',
    gzip: true,
    modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...forBrowsers(config), external: ['./seen-filter.js'] }),
  },
  {
    name: 'the same with what it loads when it first turns a peer away',
    path: 'dist/index.js',
    limit: '56 kB',
    gzip: true,
    modifyEsbuildConfig: forBrowsers,
  },
]
