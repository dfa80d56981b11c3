/** The bloom filter of the package bloom-filters. The build bundles this module, so that consumers install none of that package's dependencies. */
import bloomFilterModule from 'bloom-filters/dist/bloom/bloom-filter.js'

// A deep import, because the main entry of bloom-filters 3.0.4 needs `Buffer`. The file is CommonJS: Node imports its
// `exports`, some bundlers the class itself.
export const BloomFilter = 'default' in bloomFilterModule ? bloomFilterModule.default : bloomFilterModule
export type BloomFilter = InstanceType<typeof BloomFilter>
