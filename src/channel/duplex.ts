/**
 * The stream class that WebTorrent uses, too. The build bundles this module: `streamx` requires `events`, which Rollup's plugin for packages
 * takes for Node's, and then builds a page without an error whose wires are dead.
 */
export { Duplex } from 'streamx'
